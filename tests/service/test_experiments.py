"""Experiments in the service: who takes part, what is remembered, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service import api, experiments
from service.app import create_app
from service.experiments import Experiments
from service.live import SnapshotHolder
from shortlist.bundle.experiment import Experiment
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import EventsUnavailable, Overloaded
from shortlist.events.guards import look
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.store import EventStore
from tests.event_stores import answer
from tests.publishing import Publisher
from tests.serving import patient, until
from tests.shortlist.engine.test_trial import with_experiment

DRAFTED = Experiment(name="words", control="standard", candidate="notebook", share=0.9)
SPLIT = Experiment(name="halves", control="standard", candidate="notebook", kind="split", share=1.0)


class Comparing:
    """A service over a version with an experiment."""

    def __init__(
        self, publisher: Publisher, compared: Experiment, url: str, **settings: Any
    ) -> None:
        plain = compared.model_dump(mode="json")

        def change(manifest: dict[str, Any]) -> None:
            # the most rated first: another order than by the text
            manifest["profiles"]["notebook"]["weights"] = {"rating_percentile": 1.0}
            manifest["experiment"] = plain

        publisher.publish(change)
        self.url = url
        self.app = create_app(
            patient(publisher.root, poll_s=0.05, events=url, log_queries=True, **settings)
        )
        self.client = self.app.test_client()

    def search(self, visit: str | None = None, q: str = "robots in space", **more: Any) -> Any:
        headers = {} if visit is None else {"X-Session-ID": visit}
        response = self.client.get("/v1/search", query_string={"q": q, **more}, headers=headers)
        return response.get_json()

    def ready(self) -> Any:
        return self.client.get("/readyz").get_json()

    def is_running(self) -> bool:
        told = self.ready()["experiment"]
        return told is not None and bool(told["running"])

    def remembered(self, n: int) -> list[LoggedQuery]:
        def find() -> list[LoggedQuery] | None:
            store = EventStore.open(self.url)
            found = [one for batch in store.query_batches() for one in batch]
            store.close()
            return found if len(found) >= n else None

        return until(find)

    def stop(self) -> None:
        self.app.extensions["reloader"].stop()
        if "recorder" in self.app.extensions:
            self.app.extensions["recorder"].stop()


Start = Callable[..., Comparing]


@pytest.fixture
def start(
    publisher: Publisher, sqlite_events: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    monkeypatch.setattr(experiments, "LOOK_S", 0.05)
    monkeypatch.setattr(experiments, "GUARD_S", 0.05)
    started: list[Comparing] = []

    def begin(compared: Experiment, *, url: str = sqlite_events, **settings: Any) -> Comparing:
        started.append(Comparing(publisher, compared, url, **settings))
        return started[-1]

    yield begin
    for one in started:
        one.stop()


def test_searches_take_part_and_are_remembered_with_their_teams(start: Start) -> None:
    service = start(DRAFTED)
    until(service.is_running)
    found = [service.search(f"visit-{number}") for number in range(12)]
    inside = [one for one in found if one["experiment"] == "words"]
    assert len(inside) > 6
    remembered = {one.query_id: one for one in service.remembered(12)}
    for one in found:
        logged = remembered[one["query_id"]]
        assert (logged.experiment, logged.variant) == (one["experiment"], one["variant"])
        teams = "".join(result["team"] or "-" for result in one["results"])
        assert logged.teams == (teams if one["experiment"] else None)
        assert logged.profile == "standard"
    assert {"A", "B"} & {result["team"] for one in inside for result in one["results"]}
    assert service.search("visit-1")["results"] == found[1]["results"]


def test_a_split_remembers_the_side(start: Start) -> None:
    service = start(SPLIT)
    until(service.is_running)
    found = [service.search(f"visit-{number}") for number in range(16)]
    assert {one["variant"] for one in found} == {"control", "candidate"}
    profiles = {"control": "standard", "candidate": "notebook"}
    assert all(one["profile"] == profiles[one["variant"]] for one in found)
    logged = {one.query_id: (one.variant, one.profile) for one in service.remembered(16)}
    assert logged == {one["query_id"]: (one["variant"], one["profile"]) for one in found}


def test_other_lists_and_named_profiles_take_no_part(start: Start) -> None:
    service = start(SPLIT)
    until(service.is_running)
    answers = [
        service.search("v", profile="notebook"),
        service.client.get("/v1/popular").get_json(),
        service.client.get("/v1/items/1/similar").get_json(),
        service.client.post("/v1/recommend", json={"liked": [1]}).get_json(),
        service.client.post("/v1/search/batch", json={"queries": [{"q": "robots"}]}).get_json()[
            "entries"
        ][0]["answer"],
    ]
    assert [one["experiment"] for one in answers] == [None] * 5


def test_an_operator_ends_it_by_a_setting_or_in_the_store(start: Start, sqlite_events: str) -> None:
    off = start(DRAFTED, experiment=False)
    assert off.ready()["experiment"] is None
    assert off.search("v")["experiment"] is None
    service = start(SPLIT)
    until(service.is_running)
    first = service.search("v", k=1)
    store = EventStore.open(sqlite_events)
    store.stop_experiment("halves", reason="decided")
    store.close()
    until(lambda: not service.is_running())
    told = {"name": "halves", "running": False, "problem": "stopped: decided"}
    assert service.ready()["experiment"] == told
    assert not service.ready()["degraded"]
    anew, on = service.search("v", k=1), service.search("w", k=1, cursor=first["next"])
    assert (anew["experiment"], anew["profile"]) == (None, "standard")
    # a list that was begun goes on
    assert (on["experiment"], on["variant"]) == ("halves", first["variant"])


def test_without_a_store_of_events_there_is_no_experiment(start: Start) -> None:
    service = start(SPLIT, url="")
    assert service.ready()["experiment"] is None
    assert service.search("v")["experiment"] is None


def test_a_guard_that_breaks_ends_it(start: Start, sqlite_events: str) -> None:
    service = start(SPLIT)
    until(service.is_running)
    store = EventStore.open(sqlite_events)
    lately = (datetime.now(UTC) - answer("q").at).total_seconds()
    store.log_answers([
        answer(f"{variant}-{number}", after_s=lately, experiment="halves", variant=variant,
               n_results=0 if variant == "candidate" and number < 100 else 3)
        for number in range(300) for variant in ("control", "candidate")
    ])  # fmt: skip
    until(lambda: not service.is_running())
    stopped = store.stopped("halves")
    store.close()
    assert stopped is not None
    assert stopped.reason.endswith("of searches find nothing, 0.0% without the candidate")
    assert service.search("v")["experiment"] is None


def test_searches_that_fail_are_counted_for_their_side(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start(SPLIT)
    until(service.is_running)
    sides = {number: service.search(f"v{number}")["variant"] for number in range(6)}
    cursor = service.search("v0", k=1)["next"]

    def fail(*_: Any, **__: Any) -> Any:
        raise Overloaded("no room")

    monkeypatch.setattr(api, "ask", fail)
    for number in range(6):
        assert service.search(f"v{number}")["status"] == 503
    service.search("v0", k=1, cursor=cursor)
    service.client.get("/v1/popular")
    found = service.remembered(13)
    failed = [one for one in found if one.kind is QueryKind.FAILED]
    assert sorted(str(one.variant) for one in failed) == sorted(sides.values())
    assert {(one.experiment, one.profile, one.shown, one.text) for one in failed} == {
        ("halves", "standard", (), None)
    }
    store = EventStore.open(service.url)
    watch = look(store, SPLIT, now=datetime.now(UTC) + timedelta(seconds=1))
    store.close()
    assert watch.candidate.failed + watch.control.failed == 6
    assert watch.candidate.failed == list(sides.values()).count("candidate")


def test_what_a_client_asks_wrongly_is_no_failure(start: Start) -> None:
    service = start(SPLIT)
    until(service.is_running)
    assert service.search("v", k=0)["status"] == 422
    service.search("w")
    assert [one.kind for one in service.remembered(1)] == [QueryKind.SEARCH]


def test_while_nobody_can_watch_only_the_control_is_shown(
    sample_snapshot: Snapshot, sqlite_events: str
) -> None:
    experiment = SPLIT.model_copy(update={"control": "notebook", "candidate": "tuned"})
    snapshot, holder = with_experiment(sample_snapshot, experiment), SnapshotHolder()
    clock = {"now": 0.0}
    problem: list[Exception] = [EventsUnavailable("the store is away")]

    kept = EventStore.open(sqlite_events)

    def store() -> EventStore:
        if problem:
            raise problem[0]
        return kept

    watched = Experiments(holder, store, now=lambda: clock["now"])
    watched.look()
    holder.swap(snapshot)
    assert watched.of(snapshot) is None
    watched.look()
    told = {"name": "halves", "running": False, "problem": "the store is away"}
    assert (watched.of(snapshot), watched.told(snapshot)) == (None, told)
    problem.clear()
    clock["now"] += experiments.LOOK_S
    watched.look()
    assert watched.of(snapshot) == experiment
    assert watched.of(sample_snapshot) is None
    holder.swap(sample_snapshot)
    watched.look()
    assert (watched.of(snapshot), watched.told(sample_snapshot)) == (None, None)
    kept.close()


def test_a_process_with_artifacts_alone_keeps_working(publisher: Publisher, tmp_path: Path) -> None:
    plain = SPLIT.model_dump(mode="json")
    publisher.publish(lambda manifest: manifest.update(experiment=plain))
    app = create_app(patient(publisher.root))
    found = app.test_client().get("/v1/search?q=robots").get_json()
    app.extensions["reloader"].stop()
    assert (found["experiment"], found["profile"]) == (None, "standard")
