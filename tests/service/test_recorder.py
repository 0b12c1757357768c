"""The queue before the store: bounded, one commit for all that wait, nothing acknowledged lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.event_writing import Sent, Taken
from service.metrics import Metrics
from service.recorder import Recorder
from shortlist.errors import EventStoreError, EventsUnavailable, MalformedRequest, QueryError
from shortlist.events.logged import LoggedQuery
from tests.event_stores import answer
from tests.service.test_metrics import numbers
from tests.serving import until

Told = Taken | QueryError


def body(*names: str) -> Sent:
    """A body that the stand-in reads: the names of events, each of one letter."""
    return Sent("".join(names).encode(), integers=True)


@dataclass
class Store:
    """Stands in for who writes and for the store: remembers commits, holds them up, or fails."""

    commits: list[list[list[str]]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)
    problem: BaseException | None = None
    n_looks: int = 0
    n_opened: int = 0

    def open(self) -> Store:
        self.n_opened += 1
        return self

    def write(self, sent: Sequence[Sent], answers: Sequence[LoggedQuery]) -> list[Told]:
        self.begun.set()
        assert self.free.wait(60)
        if self.problem is not None:
            raise self.problem
        groups = [list(one.body.decode()) for one in sent]
        self.commits.append([group for group in groups if "!" not in group])
        self.answers += [one.query_id for one in answers]
        return [
            MalformedRequest("!") if "!" in group else Taken(len(group), 0, frozenset(group))
            for group in groups
        ]

    def check(self, *, writes: bool) -> None:
        self.n_looks += 1
        if self.problem is not None and writes:
            raise self.problem

    def close(self) -> None:
        pass


@dataclass
class Asked:
    """A request that brings events, in a thread of its own."""

    recorder: Recorder
    names: tuple[str, ...]
    told: list[Taken | QueryError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.told.append(self.recorder.take(body(*self.names), within_s=60))
        except QueryError as error:
            self.told.append(error)

    def end(self) -> Taken | QueryError:
        self._thread.join(60)
        return self.told[0]


def taken(*names: str) -> Taken:
    """What is said of these where all are new."""
    return Taken(len(names), 0, frozenset(names))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


Start = Callable[..., Recorder]


@pytest.fixture
def start(store: Store, metrics: Metrics) -> Iterator[Start]:
    recorders: list[Recorder] = []

    def begin(most_bytes: int = 1000, **limits: int) -> Recorder:
        opens: Any = store.open  # it stands in
        recorders.append(Recorder(store, opens, metrics, most_bytes=most_bytes, **limits))
        recorders[-1].start()
        return recorders[-1]

    yield begin
    store.free.set()
    for one in recorders:
        one.stop()


def waiting(recorder: Recorder, n: int) -> None:
    until(lambda: recorder.told()["waiting"] == n)


def test_all_that_wait_at_the_same_moment_share_a_commit(store: Store, start: Start) -> None:
    recorder = start()
    first = Asked(recorder, ("a",))
    assert store.begun.wait(60)
    others = [Asked(recorder, ("b", "c")), Asked(recorder, ("d",))]
    waiting(recorder, 2)
    recorder.note(answer("q"))
    store.free.set()
    assert [one.end() for one in (first, *others)] == [taken("a"), taken("b", "c"), taken("d")]
    assert [sorted(commit) for commit in store.commits] == [[["a"]], [["b", "c"], ["d"]]]
    assert store.answers == ["q"]


def test_who_sends_what_is_wrong_hears_of_it_alone(
    store: Store, start: Start, metrics: Metrics
) -> None:
    recorder = start()
    first = Asked(recorder, ("a",))
    assert store.begun.wait(60)
    others = [Asked(recorder, ("!",)), Asked(recorder, ("b",))]
    waiting(recorder, 2)
    store.free.set()
    assert [one.end() for one in (first, others[1])] == [taken("a"), taken("b")]
    assert isinstance(others[0].end(), MalformedRequest)
    assert store.commits == [[["a"]], [["b"]]]
    until(lambda: numbers(metrics).get("shortlist_events_total{outcome=accepted}") == 2)
    assert recorder.problem is None


def test_a_burst_beyond_the_queue_hears_so_at_once(store: Store, start: Start) -> None:
    recorder = start(most_bytes=3, most_answers=1)
    first = Asked(recorder, ("a",))
    assert store.begun.wait(60)
    second = Asked(recorder, ("b", "c"))
    waiting(recorder, 1)
    with pytest.raises(EventsUnavailable, match="too many events wait to be stored"):
        recorder.take(body("d", "e"), within_s=60)
    third = Asked(recorder, ("f",))
    store.free.set()
    ended = [one.end() for one in (first, second, third)]
    assert ended == [taken("a"), taken("b", "c"), taken("f")]
    stored = {name for commit in store.commits for group in commit for name in group}
    assert stored == {"a", "b", "c", "f"}


def test_answers_are_forgotten_where_there_is_no_room_and_nobody_waits(
    store: Store, start: Start, metrics: Metrics
) -> None:
    recorder = start(most_answers=2)
    asked = Asked(recorder, ("a",))
    assert store.begun.wait(60)
    for name in ("q1", "q2", "q3", "q4"):
        recorder.note(answer(name))
    store.free.set()
    asked.end()
    until(lambda: len(store.answers) == 2)
    assert store.answers == ["q1", "q2"]
    found = until(
        lambda: (
            one
            if (one := numbers(metrics)).get("shortlist_logged_answers_total{outcome=stored}")
            else None
        )
    )
    assert found["shortlist_logged_answers_total{outcome=stored}"] == 2
    assert found["shortlist_logged_answers_total{outcome=dropped}"] == 2


def test_who_waits_too_long_hears_so_though_the_events_are_stored_later(
    store: Store, start: Start
) -> None:
    recorder = start()
    with pytest.raises(EventsUnavailable, match="takes too long; send them again with the same"):
        recorder.take(body("a"), within_s=0.05)
    store.free.set()
    until(lambda: store.commits == [[["a"]]])


@pytest.mark.parametrize(
    "problem", [EventStoreError("the disk is full"), RuntimeError("a defect")], ids=repr
)
def test_a_commit_that_fails_is_heard_by_all_who_wait_and_ends_nothing(
    store: Store, start: Start, metrics: Metrics, problem: BaseException,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    recorder = start()
    store.problem = problem
    first = Asked(recorder, ("a",))
    assert store.begun.wait(60)
    second = Asked(recorder, ("b",))
    waiting(recorder, 1)
    recorder.note(answer("q"))
    with caplog.at_level(logging.INFO):
        store.free.set()
        for asked in (first, second):
            told = asked.end()
            assert isinstance(told, EventsUnavailable)
            assert "disk" not in str(told)
        said = "the disk is full" if isinstance(problem, EventStoreError) else "RuntimeError"
        assert recorder.problem == f"events cannot be stored: {said}"
        with pytest.raises(EventsUnavailable, match="cannot be used at the moment"):
            recorder.take(body("c"), within_s=60)
        n_looks = store.n_looks
        until(lambda: store.n_looks > n_looks + 1)
        store.problem = None
        until(lambda: recorder.problem is None)
    assert [one.getMessage() for one in caplog.records] == [
        f"events cannot be stored: {said}",
        "events are stored again",
    ], "said once, however often it is tried"
    assert Asked(recorder, ("a", "b")).end() == taken("a", "b")
    assert store.commits == [[["a", "b"]]]
    assert numbers(metrics)["shortlist_events_total{outcome=failed}"] == 2
    assert numbers(metrics)["shortlist_logged_answers_total{outcome=dropped}"] == 1


def test_answers_wait_for_each_other_but_no_event_for_them(
    store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.recorder._COLLECT_S", 60.0)
    store.free.set()
    recorder = start()
    for name in ("q", "r", "s"):
        recorder.note(answer(name))
    assert not store.begun.wait(0.2), "nobody asked for these to be stored"
    assert Asked(recorder, ("a",)).end() == taken("a")
    assert store.commits == [[["a"]]]
    assert store.answers == ["q", "r", "s"], "by the commit of the event"
    monkeypatch.setattr("service.recorder._COLLECT_S", 0.01)
    recorder.note(answer("t"))
    until(lambda: store.answers == ["q", "r", "s", "t"])


def test_what_waits_is_written_before_the_end(store: Store, start: Start) -> None:
    recorder = start()
    asked = Asked(recorder, ("a",))
    assert store.begun.wait(60)
    recorder.note(answer("q"))
    store.free.set()
    recorder.stop()
    assert asked.end() == taken("a")
    assert store.answers == ["q"]


def test_one_that_has_nothing_to_do_looks_whether_the_store_is_there(
    store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.recorder._LOOK_S", 0.01)
    recorder = start()
    until(lambda: store.n_looks >= 3)
    assert store.n_opened == 1
    assert recorder.store() is store  # type: ignore[comparison-overlap]  # it stands in


def test_a_store_that_is_not_open_yet_cannot_be_read(store: Store, metrics: Metrics) -> None:
    opens: Any = store.open  # it stands in
    recorder = Recorder(store, opens, metrics, most_bytes=1)
    with pytest.raises(EventsUnavailable):
        recorder.store()
    recorder.stop()
