"""Whether an experiment makes searches worse, and ending it when it does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Row, Select, and_, case, func, select

from shortlist.bundle.experiment import Experiment, GuardLimits, Variant
from shortlist.events.always_valid import margin
from shortlist.events.event import micros_of
from shortlist.events.logged import QueryKind
from shortlist.events.schema import queries
from shortlist.events.store import EventStore

LEVEL = 0.99
LEAST = 200
"""Before so many searches of both sides nothing is judged."""

WINDOW = timedelta(days=1)
MOST = 50_000
"""Looked at are the searches of a day, the newest of very many."""

_SLOW = 0.01
"""The share of searches that are slower than the 99th percentile."""


@dataclass(frozen=True)
class Searches:
    """First pages of one side: so many were `answered`, of them `empty` without a result.

    `failed` were not answered. `slow` took longer than the control's 99th percentile times the
    limit; `p99_ms` is their own, None where there are none.
    """

    answered: int
    empty: int
    failed: int
    slow: int
    p99_ms: float | None


@dataclass(frozen=True)
class Watch:
    """Both sides' searches of late. Where lists are interleaved, the candidate's are those.

    The control's are then the searches that take no part.
    """

    control: Searches
    candidate: Searches

    def broken(self, limits: GuardLimits) -> list[str]:
        """What is worse by more than a limit, and not by chance, in words."""
        return list(_broken(self.control, self.candidate, limits))


def look(store: EventStore, experiment: Experiment, *, now: datetime | None = None) -> Watch:
    """What the store knows of both sides' searches of the last day. Raises EventStoreError."""
    lately = _lately(experiment, (now or datetime.now(UTC)) - WINDOW).cte("lately")
    answered = lately.c.failed == 0
    with store.database.reading() as connection:
        p99_ms = {}
        for side in Variant:
            own = and_(lately.c.side == side.value, answered)
            n = connection.scalar(select(func.count()).select_from(lately).where(own)) or 0
            slowest = select(lately.c.took_ms).where(own).order_by(lately.c.took_ms.desc())
            p99_ms[side] = connection.scalar(slowest.offset(math.floor(_SLOW * n)).limit(1))
        usual = p99_ms[Variant.CONTROL]
        bound = math.inf if usual is None else usual * experiment.guard.p99_ratio
        counted = select(
            lately.c.side,
            func.sum(1 - lately.c.failed).label("answered"),
            func.sum(lately.c.empty).label("empty"),
            func.sum(lately.c.failed).label("failed"),
            func.sum(_flag(and_(answered, lately.c.took_ms > min(bound, 1e300)))).label("slow"),
        ).group_by(lately.c.side)
        of_side = {Variant(row.side): row for row in connection.execute(counted)}
    return Watch(*(_searches(of_side.get(side), p99_ms[side]) for side in Variant))


def stop_if_worse(store: EventStore, experiment: Experiment) -> str | None:
    """End an experiment that makes searches worse; returns why, None where it goes on.

    One that has been stopped stays so. Raises EventStoreError.
    """
    stopped = store.stopped(experiment.name)
    if stopped is not None:
        return stopped.reason
    broken = look(store, experiment).broken(experiment.guard)
    if not broken:
        return None
    reason = "; ".join(broken)
    store.stop_experiment(experiment.name, reason=reason)
    return reason


def _lately(experiment: Experiment, since: datetime) -> Select[Any]:
    """The newest first pages of searches that are of a side, with what is asked of each."""
    ours = queries.c.experiment == experiment.name
    if experiment.kind == "split":
        side: ColumnElement[str] = case((ours, queries.c.variant))
    else:
        outside = queries.c.experiment.is_(None) & (queries.c.profile == experiment.control)
        side = case((ours, Variant.CANDIDATE.value), (outside, Variant.CONTROL.value))
    return (
        select(
            side.label("side"),
            _flag(queries.c.kind == QueryKind.FAILED.value).label("failed"),
            _flag((queries.c.n_results == 0) & (queries.c.kind == QueryKind.SEARCH.value)).label(
                "empty"
            ),
            queries.c.took_ms,
        )
        .where(
            queries.c.at >= micros_of(since),
            queries.c.kind.in_([QueryKind.SEARCH.value, QueryKind.FAILED.value]),
            queries.c.offset == 0,
            side.is_not(None),
        )
        .order_by(queries.c.at.desc())
        .limit(MOST)
    )


def _flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _searches(row: Row[tuple[str, int, int, int, int]] | None, p99_ms: float | None) -> Searches:
    if row is None:
        return Searches(0, 0, 0, 0, None)
    return Searches(int(row.answered), int(row.empty), int(row.failed), int(row.slow), p99_ms)


def _broken(control: Searches, candidate: Searches, limits: GuardLimits) -> Iterator[str]:
    asked = [one.answered + one.failed for one in (control, candidate)]
    if min(asked) < LEAST:
        return
    failed = [one.failed / n for one, n in zip((control, candidate), asked, strict=True)]
    if _is_worse(failed, asked, limits.errors):
        yield f"{failed[1]:.1%} of searches fail, {failed[0]:.1%} without the candidate"
    answered = [one.answered for one in (control, candidate)]
    if min(answered) < LEAST:
        return
    empty = [control.empty / answered[0], candidate.empty / answered[1]]
    if _is_worse(empty, answered, limits.no_results):
        yield f"{empty[1]:.1%} of searches find nothing, {empty[0]:.1%} without the candidate"
    slow = candidate.slow / answered[1]
    if slow - _wide(slow, answered[1]) > _SLOW:
        yield (
            f"99 % of searches take up to {candidate.p99_ms:.1f} ms, without the candidate"
            f" {control.p99_ms:.1f} ms"
        )


def _is_worse(shares: list[float], counts: list[int], limit: float) -> bool:
    """Whether the second share is larger by more than a limit, and larger for certain.

    Certain is what an interval of 99 % says that holds at every look: guards look often.
    """
    difference = shares[1] - shares[0]
    error = math.hypot(*(_error(share, n) for share, n in zip(shares, counts, strict=True)))
    wide = float(margin(np.array(error), level=LEVEL))
    return difference > limit and difference > wide


def _wide(share: float, n: int) -> float:
    return float(margin(np.array(_error(share, n)), level=LEVEL))


def _error(share: float, n: int) -> float:
    """The standard error of a share, with one more success and one more failure."""
    drawn = (share * n + 1) / (n + 2)
    return math.sqrt(drawn * (1 - drawn) / n)
