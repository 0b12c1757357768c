"""Guards: both sides' searches counted, and an experiment ended that makes them worse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shortlist.bundle.experiment import Experiment, GuardLimits
from shortlist.events.guards import LEAST, Searches, Watch, look, stop_if_worse
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.store import EventStore
from tests.event_stores import NOON, answer

SPLIT = Experiment(name="x", control="usual", candidate="new", kind="split")
DRAFTED = Experiment(name="x", control="usual", candidate="new")
LATER = NOON + timedelta(hours=1)
LIMITS = GuardLimits()


def searches(side: str, n: int, **more: Any) -> list[LoggedQuery]:
    """So many of a side of a split experiment, or outside of it."""
    experiment = None if side == "outside" else "x"
    variant = None if side in {"outside", "drafted"} else side
    own = {"experiment": experiment, "variant": variant, "profile": "usual", **more}
    return [answer(f"{side}-{number}-{sorted(more.items())}", **own) for number in range(n)]


def test_each_side_is_counted_by_what_became_of_its_searches(event_store: EventStore) -> None:
    event_store.log_answers([
        *searches("control", 3), *searches("control", 1, n_results=0),
        *searches("candidate", 4, took_ms=7.0), *searches("candidate", 2, took_ms=6.0),
        *searches("candidate", 1, kind=QueryKind.FAILED, n_results=0),
    ])  # fmt: skip
    found = look(event_store, SPLIT, now=LATER)
    # slow is above 1.5 · 4.5 = 6.75 ms
    assert found == Watch(
        control=Searches(answered=4, empty=1, failed=0, slow=0, p99_ms=4.5),
        candidate=Searches(answered=6, empty=0, failed=1, slow=4, p99_ms=7.0),
    )


def test_drafted_lists_are_compared_with_searches_outside(event_store: EventStore) -> None:
    event_store.log_answers([
        *searches("drafted", 5), *searches("outside", 3), *searches("outside", 2, profile="other"),
        *searches("outside", 1, kind=QueryKind.SIMILAR), *searches("outside", 1, offset=10),
    ])  # fmt: skip
    found = look(event_store, DRAFTED, now=LATER)
    assert (found.candidate.answered, found.control.answered) == (5, 3)


def test_what_is_older_than_a_day_is_not_looked_at(event_store: EventStore) -> None:
    event_store.log_answers(searches("control", 2))
    found = look(event_store, SPLIT, now=NOON + timedelta(days=1, seconds=1))
    assert found == Watch(*[Searches(0, 0, 0, 0, None)] * 2)
    assert look(event_store, SPLIT, now=NOON + timedelta(days=1)).control.answered == 2


def test_the_99th_percentile_is_what_one_in_a_hundred_exceeds(event_store: EventStore) -> None:
    event_store.log_answers(
        [answer(str(n), experiment="x", variant="control", took_ms=float(n)) for n in range(1, 201)]
    )
    assert look(event_store, SPLIT, now=LATER).control.p99_ms == 198.0  # 199 and 200 exceed it


def of(answered: int = 1000, *, empty: int = 0, failed: int = 0, slow: int = 0) -> Searches:
    return Searches(answered, empty, failed, slow, 5.0)


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (of(failed=60), "5.7% of searches fail, 0.0% without the candidate"),
        (of(empty=90), "9.0% of searches find nothing, 0.0% without the candidate"),
        (of(slow=80), "99 % of searches take up to 5.0 ms, without the candidate 5.0 ms"),
    ],
)
def test_what_is_worse_by_more_than_chance_breaks_a_guard(candidate: Searches, said: str) -> None:
    assert Watch(of(), candidate).broken(LIMITS) == [said]
    assert Watch(candidate, of()).broken(LIMITS) == []


@pytest.mark.parametrize(
    "candidate",
    [of(), of(failed=9), of(empty=15), of(slow=14), of(LEAST - 1, empty=LEAST - 1), of(0)],
)
def test_what_chance_or_the_limits_allow_breaks_none(candidate: Searches) -> None:
    assert Watch(of(), candidate).broken(LIMITS) == []
    assert Watch(of(answered=LEAST - 1), of(empty=900)).broken(LIMITS) == []


def test_limits_are_those_of_the_experiment() -> None:
    watch = Watch(of(), of(empty=90, failed=60))
    loose = GuardLimits(no_results=0.2, errors=0.2)
    assert watch.broken(loose) == []


def test_an_experiment_that_makes_searches_worse_is_stopped_for_good(
    sqlite_events: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EventStore.open(sqlite_events)
    monkeypatch.setattr("shortlist.events.guards.WINDOW", timedelta(days=36_500))
    store.log_answers([*searches("control", 300), *searches("candidate", 300)])
    assert stop_if_worse(store, SPLIT) is None
    assert store.stopped("x") is None
    store.log_answers(searches("candidate", 100, n_results=0))
    reason = stop_if_worse(store, SPLIT)
    assert reason == "25.0% of searches find nothing, 0.0% without the candidate"
    store.log_answers(searches("candidate", 5000, took_ms=1.0))
    assert stop_if_worse(store, SPLIT) == reason
    stopped = store.stopped("x")
    assert stopped is not None
    assert stopped.reason == reason
    assert stop_if_worse(store, SPLIT.model_copy(update={"name": "y"})) is None
    store.close()


def test_no_more_than_the_newest_are_looked_at(
    sqlite_events: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EventStore.open(sqlite_events)
    monkeypatch.setattr("shortlist.events.guards.MOST", 3)
    store.log_answers([
        answer(str(n), after_s=n, experiment="x", variant="control", took_ms=float(n))
        for n in range(1, 6)
    ])  # fmt: skip
    found = look(store, SPLIT, now=LATER).control
    assert (found.answered, found.p99_ms) == (3, 5.0)
    store.close()
