"""Events over HTTP: validated, on the disk before they are acknowledged, known by their ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.event_requests import MOST_TOGETHER, read_events
from service.openapi import EVENTS, document
from service.retention import Retention
from shortlist.errors import InvalidParameter
from shortlist.events.event import Event, EventType
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.person import Pseudonyms
from shortlist.events.store import EventStore
from tests.service.test_api import problem
from tests.service.test_metrics import Numbers, parsed
from tests.service.test_writes import wrong
from tests.serving import patient, until

LIKE = {"type": "like", "item_id": 7, "user_id": "u1"}


class Taking:
    """A service that keeps events, and the store that it keeps them in."""

    def __init__(self, artifacts: Path, url: str, **settings: Any) -> None:
        self.url = url
        self.app = create_app(patient(artifacts, events=url, **settings))
        self.client: FlaskClient = self.app.test_client()

    def post(self, *events: Any, **more: Any) -> Any:
        """The answer to events that are sent."""
        return self.client.post("/v1/events", json={"events": list(events)}, **more)

    def stored(self) -> list[Event]:
        """All events that are stored, in order."""
        store = EventStore.open(self.url)
        found = [one for batch in store.batches() for one in batch]
        store.close()
        return found

    def answers(self, n: int) -> list[LoggedQuery]:
        """So many remembered answers, once they are stored, in order."""

        def look() -> list[LoggedQuery] | None:
            store = EventStore.open(self.url)
            found = [one for batch in store.query_batches() for one in batch]
            store.close()
            return found if len(found) >= n else None

        return until(look)

    def ready(self) -> dict[str, Any]:
        """What /readyz says."""
        return dict(self.client.get("/readyz").get_json())

    def numbers(self) -> Numbers:
        """What /metrics says."""
        return parsed(self.client.get("/metrics").text)

    def stop(self) -> None:
        """End its threads."""
        self.app.extensions["reloader"].stop()
        self.app.extensions["recorder"].stop()


Take = Callable[..., Taking]


@pytest.fixture
def take(sqlite_events: str, tiny_artifacts: Path) -> Iterator[Take]:
    """Starts the service over the five films with a store of its own; stopped in the end."""
    started: list[Taking] = []

    def start(artifacts: Path = tiny_artifacts, url: str = sqlite_events, **more: Any) -> Taking:
        started.append(Taking(artifacts, url, **more))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def taking(take: Take) -> Taking:
    """The service over the five films, keeping events."""
    return take()


@pytest.fixture(scope="module")
def refusing(tiny_artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taking]:
    """A service that is sent nothing but what it refuses."""
    one = Taking(tiny_artifacts, f"sqlite:///{tmp_path_factory.mktemp('events')}/events.db")
    yield one
    one.stop()


def test_events_are_stored_before_they_are_acknowledged(taking: Taking) -> None:
    before = datetime.now(UTC)
    full = {
        "event_id": "e-1", "type": "rating", "item_id": "7", "user_id": 12, "session_id": "s1",
        "value": 4, "query_id": "q1", "rank": 3, "at": "2026-05-01T12:00:00.25+02:00",
    }  # fmt: skip
    response = taking.post(full, {"type": "click", "item_id": 999_999, "session_id": "s"})
    assert (response.status_code, response.get_json()) == (202, {"accepted": 2, "repeated": 0})
    first, second = taking.stored()
    at = datetime(2026, 5, 1, 10, 0, 0, 250_000, tzinfo=UTC)
    assert first == Event(
        event_id="e-1", type=EventType.RATING, item_id="7", at=at, user="12", session="s1",
        value=4.0, query_id="q1", rank=3,
    )  # fmt: skip
    assert (second.type, second.item_id, second.user) == (EventType.CLICK, "999999", None)
    assert before <= second.at <= datetime.now(UTC)
    assert re.fullmatch(r"[\w-]{16}", second.event_id)


def test_an_event_that_is_sent_again_is_stored_once(taking: Taking) -> None:
    named = {**LIKE, "event_id": "e"}
    assert taking.post(named, named).get_json() == {"accepted": 1, "repeated": 1}
    assert taking.post(named, {**LIKE, "event_id": "f"}).get_json() == {
        "accepted": 1,
        "repeated": 1,
    }
    assert [one.event_id for one in taking.stored()] == ["e", "f"]
    assert taking.post(LIKE, LIKE).get_json() == {"accepted": 2, "repeated": 0}


def test_user_ids_are_kept_as_keyed_hashes(take: Take) -> None:
    taking = take(user_key="k3y")
    taking.post(LIKE)
    (stored,) = taking.stored()
    assert stored.user == Pseudonyms("k3y").of("u1") != "u1"


TOO_LATE = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"type": "look"}, "type", "expected one of: impression, click, like, dislike, rating,"),
        ({"type": None}, "type", "expected one of"),
        ({"item_id": "x"}, "item_id", "expected an integer, found 'x'"),
        ({"item_id": "07"}, "item_id", "expected an integer, found '07'"),
        ({"item_id": ""}, "item_id", "expected an id"),
        ({"item_id": 2**63}, "item_id", "expected an id"),
        ({"item_id": True}, "item_id", "expected an id"),
        ({"event_id": "e" * 65}, "event_id", "expected 1 to 64 visible characters of ASCII"),
        ({"event_id": "a b"}, "event_id", "expected 1 to 64 visible characters of ASCII"),
        ({"event_id": 5}, "event_id", "expected 1 to 64 visible characters of ASCII"),
        ({"user_id": "u" * 257}, "user_id", "expected an integer or 1 to 256 printable"),
        ({"user_id": "\ud800"}, "user_id", "expected an integer or 1 to 256 printable"),
        ({"user_id": "a\0"}, "user_id", "expected an integer or 1 to 256 printable"),
        ({"user_id": 1.5}, "user_id", "expected an integer or 1 to 256 printable"),
        ({"user_id": None}, "user_id", "expected a user_id or a session_id, found neither"),
        ({"session_id": "é"}, "session_id", "expected 1 to 64 visible"),
        ({"query_id": ""}, "query_id", "expected 1 to 64 visible"),
        ({"rank": 0}, "rank", "expected at least 1, found 0"),
        ({"rank": 1.5}, "rank", "expected an integer, found 1.5"),
        ({"at": TOO_LATE}, "at", "expected a time from 1970 to now"),
        ({"at": "1969-12-31"}, "at", "expected a time from 1970 to now"),
        ({"at": "yesterday"}, "at", "expected a date or a time in ISO 8601"),
        ({"at": 1700000000}, "at", "expected a time in ISO 8601"),
        ({"value": 1}, "value", "expected none for a like, found 1"),
        ({"type": "rating"}, "value", "expected a value of the rating, found none"),
        ({"colour": 1}, "colour", "no such parameter; known: type, item_id, event_id,"),
    ],
)
def test_what_is_wrong_is_told_by_field_and_nothing_is_taken(
    refusing: Taking, change: dict[str, Any], field: str, said: str
) -> None:
    found = wrong(refusing.post(LIKE, {**LIKE, **change}))
    assert list(found) == [f"events.1.{field}"]
    assert found[f"events.1.{field}"].startswith(said)
    assert refusing.stored() == []


def test_a_clock_may_run_a_little_ahead(taking: Taking) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    assert taking.post({**LIKE, "at": soon}).status_code == 202


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"events": [{"type": "like", "item_id": 7, "item_id": 8, "user_id": "u"}]}',
         "events.0.item_id"),
        ('{"events": [], "events": []}', "events"),
        ('{"events": [{"type": "rating", "item_id": 7, "user_id": "u", "value": NaN}]}',
         "events.0.value"),
        ('{"events": [{"type": "rating", "item_id": 7, "user_id": "u", "value": 1e999}]}',
         "events.0.value"),
        ('{"events": [{"type": "like", "item_id": NaN, "user_id": "u"}]}', "events.0.item_id"),
        ('{"events": [5]}', "events.0"),
        ('{"events": {}}', "events"),
        ('{"events": []}', "events"),
        ("{}", "events"),
        ('{"events": [{"type": "like"}], "more": 1}', "more"),
        ("[]", "body"),
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_refused_by_field(
    refusing: Taking, body: str, field: str
) -> None:
    response = refusing.client.post("/v1/events", data=body, content_type="application/json")
    assert field in wrong(response)
    assert refusing.stored() == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"events": [}'])
def test_what_is_no_json_is_malformed(refusing: Taking, body: bytes) -> None:
    response = refusing.client.post("/v1/events", data=body, content_type="application/json")
    problem(response, 400, "malformed_request")


def test_of_too_many_none_is_taken_and_of_many_mistakes_twenty_are_told(taking: Taking) -> None:
    assert list(wrong(taking.post(*[LIKE] * (MOST_TOGETHER + 1)))) == ["events"]
    assert len(wrong(taking.post(*[{**LIKE, "item_id": "x"}] * 30))) == 20
    assert taking.post(*[LIKE] * MOST_TOGETHER).get_json()["accepted"] == MOST_TOGETHER


def test_a_body_needs_its_type_and_there_are_no_parameters(refusing: Taking) -> None:
    response = refusing.client.post("/v1/events", data=b"{}")
    problem(response, 415, "unsupported_media_type")
    response = refusing.client.post("/v1/events?wait=1", json={"events": [LIKE]})
    assert list(wrong(response)) == ["wait"]


def test_ids_are_texts_where_the_catalogue_says_so() -> None:
    def read(item_id: object) -> list[Event]:
        body = json.dumps({"events": [{**LIKE, "item_id": item_id}]}).encode()
        return read_events(body, integers=False, pseudonyms=Pseudonyms())

    assert [read(one)[0].item_id for one in ("A-7", "07", 7)] == ["A-7", "07", 7]
    for wrong_id in (" ", "a\0", "\ud800", "x" * 257):
        with pytest.raises(InvalidParameter) as caught:
            read(wrong_id)
        assert list(caught.value.fields) == ["events.0.item_id"]


def test_with_an_api_key_events_ask_for_it(take: Take) -> None:
    taking = take(api_key="s3cret")
    assert taking.post(LIKE).status_code == 401
    assert taking.post(LIKE, headers={"Authorization": "Bearer s3cret"}).status_code == 202


def test_every_answer_has_an_id_of_its_own_by_which_it_is_remembered(taking: Taking) -> None:
    ask = taking.client
    answers = [
        ask.get("/v1/search?q=robots&k=2", headers={"X-Session-ID": "visit-1"}).get_json(),
        ask.get("/v1/popular?k=3").get_json(),
        ask.post("/v1/recommend", json={"liked": [1], "k": 1}).get_json(),
        ask.get("/v1/items/1/similar?k=2", headers={"X-Session-ID": "no visit"}).get_json(),
        *(
            one["answer"]
            for one in ask.post(
                "/v1/search/batch", json={"queries": [{"q": "love"}, {"q": ""}, {"q": "robots"}]}
            ).get_json()["entries"]
            if one["answer"]
        ),
    ]
    assert len({one["query_id"] for one in answers}) == len(answers) == 6
    remembered = {one.query_id: one for one in taking.answers(6)}
    assert remembered.keys() == {one["query_id"] for one in answers}
    in_order = [remembered[one["query_id"]] for one in answers]
    assert [one.kind for one in in_order] == [
        QueryKind.SEARCH, QueryKind.POPULAR, QueryKind.RECOMMEND, QueryKind.SIMILAR,
        QueryKind.SEARCH, QueryKind.SEARCH,
    ]  # fmt: skip
    for one, answer in zip(in_order, answers, strict=True):
        assert one.shown == tuple(str(result["item_id"]) for result in answer["results"])
        assert (one.version, one.profile) == (answer["index_version"], answer["profile"])
        assert (one.k, one.matched, one.took_ms) == (
            answer["k"], answer["matched"], answer["took_ms"]
        )  # fmt: skip
        assert (one.no_good_match, one.offset) == (answer["no_good_match"], 0)
        assert (one.text, one.request, one.user) == (None, None, None)
    assert [one.session for one in in_order] == ["visit-1", *[None] * 5]


def test_a_later_page_says_what_came_before_it(taking: Taking) -> None:
    first = taking.client.get("/v1/popular?k=2").get_json()
    second = taking.client.get(f"/v1/popular?k=2&cursor={first['next']}").get_json()
    remembered = {one.query_id: one for one in taking.answers(2)}
    assert remembered[second["query_id"]].offset == 2
    assert [one["rank"] for one in second["results"]] == [3, 4]


def test_texts_are_kept_only_where_that_is_allowed(take: Take) -> None:
    taking = take(log_queries=True)
    taking.client.get("/v1/search?q=robots&k=2")
    (one,) = taking.answers(1)
    assert one.text == "robots"
    assert json.loads(one.request or "") == {"q": "robots", "k": 2}


def test_what_a_page_shows_is_not_remembered_for_its_scripts_ask_again(taking: Taking) -> None:
    assert taking.client.get("/?q=robots").status_code == 200
    taking.client.get("/v1/search?q=robots")
    assert len(taking.answers(1)) == 1


def test_events_refer_to_answers(taking: Taking) -> None:
    answer = taking.client.get("/v1/search?q=robots&k=2").get_json()
    shown = answer["results"][1]
    click = {
        "type": "click", "item_id": shown["item_id"], "session_id": "s",
        "query_id": answer["query_id"], "rank": shown["rank"],
    }  # fmt: skip
    taking.post(click)
    (remembered,) = taking.answers(1)
    (outcome,) = remembered.outcomes
    assert (outcome.type, outcome.rank) == (EventType.CLICK, 2)
    assert remembered.shown[outcome.rank - 1] == outcome.item_id


def test_while_the_store_is_away_searches_go_on_and_events_hear_503(
    take: Take, tmp_path: Path
) -> None:
    taking = take(url=f"sqlite:///{tmp_path}/later/events.db")
    until(lambda: taking.ready()["degraded"])
    assert "cannot be opened: No such file or directory" in taking.ready()["problem"]
    response = taking.post({**LIKE, "event_id": "e"})
    body = problem(response, 503, "events_unavailable")
    assert response.headers["Retry-After"] == "1"
    assert str(tmp_path) not in body["detail"]
    assert taking.client.get("/v1/search?q=robots").status_code == 200
    assert taking.numbers()["shortlist_logged_answers_total{outcome=dropped}"] == 1
    (tmp_path / "later").mkdir()
    until(lambda: not taking.ready()["degraded"])
    assert taking.post({**LIKE, "event_id": "e"}).get_json() == {"accepted": 1, "repeated": 0}
    assert [one.event_id for one in taking.stored()] == ["e"]


def test_a_file_that_is_taken_away_is_noticed_and_a_new_one_is_made(
    taking: Taking, tmp_path: Path
) -> None:
    taking.post(LIKE)
    for path in tmp_path.glob("events.db*"):
        path.unlink()
    response = until(lambda: one if (one := taking.post(LIKE)).status_code != 202 else None)
    problem(response, 503, "events_unavailable")
    until(lambda: taking.post({**LIKE, "event_id": "after"}).status_code == 202)
    assert "after" in [one.event_id for one in taking.stored()]


def test_numbers_say_what_became_of_events(taking: Taking) -> None:
    taking.post({**LIKE, "event_id": "a"}, {**LIKE, "event_id": "b"})
    taking.post({**LIKE, "event_id": "a"})
    taking.post({**LIKE, "item_id": "x"})
    found = taking.numbers()
    counted = {
        name: found[f"shortlist_events_total{{outcome={name}}}"]
        for name in ("accepted", "repeated", "refused")
    }
    assert counted == {"accepted": 2, "repeated": 1, "refused": 1}
    assert found["shortlist_event_commit_seconds_count"] >= 2
    assert taking.ready()["events"] == {"waiting": 0, "answers_waiting": 0}


def test_what_is_too_old_is_removed_once_an_hour(taking: Taking) -> None:
    now = [1000.0]
    retention = Retention(taking.app.extensions["recorder"], 30, now=lambda: now[0])
    old = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    taking.post({**LIKE, "event_id": "old", "at": old}, {**LIKE, "event_id": "new"})
    retention.look()
    assert [one.event_id for one in taking.stored()] == ["old", "new"]
    now[0] += 61
    retention.look()
    assert [one.event_id for one in taking.stored()] == ["new"]
    taking.post({**LIKE, "event_id": "older", "at": old})
    retention.look()
    assert len(taking.stored()) == 2
    now[0] += 3601
    retention.look()
    assert [one.event_id for one in taking.stored()] == ["new"]


def test_a_service_that_keeps_no_events_takes_none(sample_client: FlaskClient) -> None:
    assert sample_client.post("/v1/events", json={"events": [LIKE]}).status_code == 404
    assert sample_client.get("/readyz").get_json()["events"] is None
    assert "/v1/events" not in document()["paths"]
    assert "X-Session-ID" not in json.dumps(document())
    assert "data-events" not in sample_client.get("/").text


def test_a_service_that_keeps_events_says_so(taking: Taking) -> None:
    paths = taking.client.get("/openapi.json").get_json()["paths"]
    assert paths["/v1/events"].keys() == {"post"}
    (visit,) = [one for one in paths["/v1/search"]["post"]["parameters"] if one["in"] == "header"]
    assert visit["name"] == "X-Session-ID"
    assert "data-events" in taking.client.get("/").text
    assert "POST /v1/events" in taking.client.get("/docs").text
    (operation,) = EVENTS
    response = taking.client.post("/v1/events", json=operation.body_example)
    assert response.status_code == 202


def test_two_services_write_into_one_store(take: Take, events_url: str) -> None:
    one, other = take(url=events_url), take(url=events_url)
    named = [{**LIKE, "event_id": f"e{number}"} for number in range(50)]
    taken = [
        (one if number % 2 else other).post(*named[number : number + 2]).get_json()
        for number in range(49)
    ]
    assert sum(each["accepted"] for each in taken) == 50
    assert sum(each["repeated"] for each in taken) == 48
    assert len(one.stored()) == 50
