"""Users over HTTP: known by the bundle and by their newest events, which the next page knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from indexing.job import build
from service.people import KEPT_S, People
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.snapshot import load_snapshot
from shortlist.errors import EventsUnavailable
from shortlist.events.event import Event, EventType
from shortlist.events.judgement import ratings_of
from shortlist.events.person import Pseudonyms
from shortlist.events.store import EventStore
from tests.publishing import OPTIONS
from tests.service.test_events import Taking
from tests.serving import until

RATINGS = """\
userId,movieId,rating,timestamp
ann,1,5.0,10
ann,4,4.5,11
ben,1,4.5,12
ben,4,5.0,13
cleo,2,4.0,14
cleo,3,4.0,15
cleo,4,1.0,16
dora,1,5.0,17
"""
KEY = "a-key-for-user-ids"


@pytest.fixture(scope="module")
def artifacts(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_export: Path
) -> Path:
    """Five films, and who rated them: who likes 1 likes 4, who likes 2 likes 3."""
    from tests.catalogues import write_five_films

    folder = tmp_path_factory.mktemp("users")
    path = write_five_films(folder / "catalogue", ratings=RATINGS)
    text = f'[encoder]\nmodel = "{tiny_model}"\nprecision = "f32"\n[users]\n'
    path.write_text(path.read_text() + text)
    build(path, folder / "artifacts")
    return folder / "artifacts"


@pytest.fixture
def service(artifacts: Path, sqlite_events: str) -> Iterator[Taking]:
    """A service that keeps events, over the five films."""
    started = Taking(artifacts, sqlite_events)
    yield started
    started.stop()


def recommended(service: Taking, user: str, **options: Any) -> dict[str, Any]:
    found = service.client.get(f"/v1/users/{user}/recommend", query_string={"k": 3, **options})
    assert found.status_code == 200, found.text
    return dict(found.get_json())


def ids(answer: dict[str, Any]) -> list[int]:
    return [one["item_id"] for one in answer["results"]]


def test_a_user_of_the_bundle_is_known_and_a_stranger_told_apart(service: Taking) -> None:
    known, stranger = recommended(service, "dora"), recommended(service, "zoe")
    assert ids(known)[0] == 4
    assert known["acquaintance"] == {"known": True, "ratings": 1, "used": True}
    assert stranger["profile"] == "popularity"
    assert stranger["acquaintance"] == {"known": False, "ratings": 0, "used": False}


def test_a_like_changes_the_next_page(service: Taking) -> None:
    assert recommended(service, "zoe")["acquaintance"]["known"] is False
    assert service.post({"type": "like", "item_id": 2, "user_id": "zoe"}).status_code == 202
    after = recommended(service, "zoe")
    assert ids(after)[0] == 3  # who likes 2 likes 3
    assert after["acquaintance"] == {"known": True, "ratings": 1, "used": True}


def test_a_newer_dislike_goes_before_an_old_rating(service: Taking) -> None:
    service.post({"type": "dislike", "item_id": 1, "user_id": "dora"})
    assert recommended(service, "dora")["acquaintance"] == {
        "known": True,
        "ratings": 1,
        "used": False,
    }


def test_a_search_by_a_user_is_ordered_by_their_taste_too(service: Taking) -> None:
    anybody = service.client.get("/v1/search", query_string={"q": "a film"}).get_json()
    own = service.client.get("/v1/search", query_string={"q": "a film", "user": "dora"}).get_json()
    body = {"q": "a film", "user": "dora"}
    assert ids(service.client.post("/v1/search", json=body).get_json()) == ids(own)
    features = {term["feature"] for term in own["results"][0]["components"]}
    assert "collaborative" in features
    assert set(ids(own)) == set(ids(anybody))
    assert anybody["acquaintance"] is None
    batch = service.client.post("/v1/search/batch", json={"queries": [body]}).get_json()
    assert ids(batch["entries"][0]["answer"]) == ids(own)


def test_who_asked_is_remembered_by_the_user_key_and_in_no_text(
    artifacts: Path, sqlite_events: str
) -> None:
    started = Taking(artifacts, sqlite_events, user_key=KEY, log_queries=True)
    try:
        started.client.get("/v1/search", query_string={"q": "a film", "user": "dora"})
        (answer,) = started.answers(1)
    finally:
        started.stop()
    assert answer.user == Pseudonyms(KEY).of("dora")
    assert answer.request is not None
    assert "dora" not in answer.request


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/users//recommend", 404),
        ("/v1/users/a/b/recommend", 404),
        ("/v1/users/%FF/recommend", 400),
        (f"/v1/users/{'x' * 257}/recommend", 422),
        ("/v1/users/ann/recommend?k=0", 422),
        ("/v1/users/ann/recommend?user=ben", 422),
        ("/v1/users/ann/recommend?liked=1", 422),
        ("/v1/search?q=a&user=", 422),
        ("/v1/popular?user=ann", 422),
    ],
)
def test_what_cannot_be_read_is_refused(service: Taking, path: str, status: int) -> None:
    assert service.client.get(path).status_code == status


@pytest.mark.parametrize("facet", ["", "nonsense"])
def test_a_facet_that_there_is_not_is_refused_beside_any_filter(
    service: Taking, facet: str
) -> None:
    asked = {"q": "a film", "facet": facet, "min_mean_rating": 1}
    answer = service.client.get("/v1/search", query_string=asked)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "facet")


def test_a_user_may_have_any_name(service: Taking) -> None:
    name = "o/ö %&?#"
    service.post({"type": "like", "item_id": 2, "user_id": name})
    path = "/v1/users/o%2F%C3%B6%20%25%26%3F%23/recommend"
    answer = service.client.get(path, environ_overrides={"RAW_URI": path}).get_json()
    assert answer["acquaintance"]["known"] is True


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_events_of_a_user_are_read_again_after_a_while_or_when_told(
    artifacts: Path, sqlite_events: str
) -> None:
    bundle = load_snapshot(ArtifactStore(artifacts).live_folder(), OPTIONS).bundle
    store, clock = EventStore.open(sqlite_events), Clock()
    people = People(Pseudonyms(""), lambda: store, now=clock)

    def like(item_id: int) -> None:
        event = Event(
            event_id=str(item_id), type=EventType.LIKE, item_id=item_id, user="zoe",
            at=datetime(2026, 5, item_id, tzinfo=UTC),
        )  # fmt: skip
        store.append([event])

    assert not people.person(bundle, "zoe").is_known
    like(1)
    assert not people.person(bundle, "zoe").is_known
    clock.now += KEPT_S
    assert len(people.person(bundle, "zoe").rows) == 1
    like(2)
    people.look_again({"zoe"})
    assert len(people.person(bundle, "zoe").rows) == 2
    store.close()


def test_who_was_forgotten_is_nobody_before_the_next_build(service: Taking) -> None:
    assert recommended(service, "ann")["acquaintance"]["ratings"] == 2
    store = EventStore.open(service.url)
    store.forget("ann")
    store.close()
    people = service.app.extensions["people"]

    def known() -> bool:
        people.look_again({"ann"})
        return bool(recommended(service, "ann")["acquaintance"]["known"])

    assert until(lambda: not known()), "once the service has opened the store"


def test_what_was_read_before_there_was_news_is_not_kept(
    artifacts: Path, sqlite_events: str
) -> None:
    """A like is committed while the events of before it are on their way to whoever asked."""
    bundle = load_snapshot(ArtifactStore(artifacts).live_folder(), OPTIONS).bundle
    store, clock = EventStore.open(sqlite_events), Clock()

    class Slow:
        """The store; a like comes between what a reader finds and what it does with it."""

        def of_user(self, key: str, *, limit: int) -> list[Event]:
            found = store.of_user(key, limit=limit)
            if not found:
                like = Event(
                    event_id="1", type=EventType.LIKE, item_id=1, user=key,
                    at=datetime(2026, 5, 1, tzinfo=UTC),
                )  # fmt: skip
                store.append([like])
                people.look_again({key})
            return found

        def is_forgotten(self, key: str) -> bool:
            return store.is_forgotten(key)

    people = People(Pseudonyms(""), lambda: cast(EventStore, Slow()), now=clock)
    assert not people.person(bundle, "zoe").is_known
    assert people.person(bundle, "zoe").is_known
    store.close()


def test_while_the_store_is_away_a_user_is_whom_the_bundle_knows(artifacts: Path) -> None:
    def away() -> EventStore:
        raise EventsUnavailable("the store is away")

    bundle = load_snapshot(ArtifactStore(artifacts).live_folder(), OPTIONS).bundle
    people = People(Pseudonyms(""), away)
    assert len(people.person(bundle, "ann").rows) == 2
    assert not people.person(bundle, "zoe").is_known


def test_what_is_said_last_counts_and_hints_where_nothing_is_said() -> None:
    made = [
        ("rating", 5, 2.0), ("like", 5, None), ("click", 5, None), ("view", 7, None),
        ("click", 7, None), ("purchase", 9, None), ("impression", 11, None), ("rating", 13, 99.0),
    ]  # fmt: skip
    newest_first = [
        Event(
            event_id=str(n), type=EventType(kind), item_id=item, value=value, user="u",
            at=datetime(2026, 5, 20 - n, tzinfo=UTC),
        )
        for n, (kind, item, value) in enumerate(made)
    ]  # fmt: skip
    # of 1 to 5: the middle is 3, a click is 0.2 of the way from there to 5
    assert ratings_of(newest_first, (1.0, 5.0)) == [
        (7, pytest.approx(3.4)), (13, 5.0), (9, 5.0), (5, 2.0),
    ]  # fmt: skip
