"""The queue before the store: bounded, one commit for all that wait, nothing acknowledged lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from service.metrics import Metrics
from service.recorder import Recorder
from shortlist.errors import EventStoreError, EventsUnavailable
from shortlist.events.event import Event
from shortlist.events.logged import LoggedQuery
from shortlist.events.store import Appended
from tests.event_stores import answer, event
from tests.service.test_metrics import numbers
from tests.serving import until


@dataclass
class Store:
    """Stands in for a store: remembers each commit, holds it up, or fails."""

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

    def append_groups(
        self, groups: Sequence[Sequence[Event]], answers: Sequence[LoggedQuery]
    ) -> list[Appended]:
        self.begun.set()
        assert self.free.wait(60)
        if self.problem is not None:
            raise self.problem
        self.commits.append([[one.event_id for one in group] for group in groups])
        self.answers += [one.query_id for one in answers]
        return [Appended(len(group), 0) for group in groups]

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
    told: list[Appended | EventsUnavailable] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.told.append(self.recorder.take([event(one) for one in self.names], within_s=60))
        except EventsUnavailable as error:
            self.told.append(error)

    def end(self) -> Appended | EventsUnavailable:
        self._thread.join(60)
        return self.told[0]


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

    def begin(**limits: int) -> Recorder:
        recorders.append(Recorder(store.open, metrics, **limits))  # type: ignore[arg-type]  # stands in
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
    waiting(recorder, 3)
    recorder.note(answer("q"))
    store.free.set()
    assert [one.end() for one in (first, *others)] == [(1, 0), (2, 0), (1, 0)]
    assert [sorted(commit) for commit in store.commits] == [[["a"]], [["b", "c"], ["d"]]]
    assert store.answers == ["q"]


def test_a_burst_beyond_the_queue_hears_so_at_once(store: Store, start: Start) -> None:
    recorder = start(most_events=3, most_answers=1)
    first = Asked(recorder, ("a",))
    assert store.begun.wait(60)
    second = Asked(recorder, ("b", "c"))
    waiting(recorder, 2)
    with pytest.raises(EventsUnavailable, match="too many events wait to be stored"):
        recorder.take([event("d"), event("e")], within_s=60)
    third = Asked(recorder, ("f",))
    store.free.set()
    assert [one.end() for one in (first, second, third)] == [(1, 0), (2, 0), (1, 0)]
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
        recorder.take([event("a")], within_s=0.05)
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
            recorder.take([event("c")], within_s=60)
        n_looks = store.n_looks
        until(lambda: store.n_looks > n_looks + 1)
        store.problem = None
        until(lambda: recorder.problem is None)
    assert [one.getMessage() for one in caplog.records] == [
        f"events cannot be stored: {said}",
        "events are stored again",
    ], "said once, however often it is tried"
    assert Asked(recorder, ("a", "b")).end() == (2, 0)
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
    assert Asked(recorder, ("a",)).end() == (1, 0)
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
    assert asked.end() == (1, 0)
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
    recorder = Recorder(store.open, metrics)  # type: ignore[arg-type]  # it stands in
    with pytest.raises(EventsUnavailable):
        recorder.store()
    recorder.stop()
