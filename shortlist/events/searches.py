"""Searches, as a table that questions are asked of; see `shortlist.events.analytics`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Integer,
    Select,
    case,
    cast,
    func,
    or_,
    select,
    true,
)

from shortlist.events.event import EventType, time_at
from shortlist.events.facts import Counts, Day, Profile, Slow, Text
from shortlist.events.logged import QueryKind
from shortlist.events.schema import events, queries

_TYPING = 2_000_000
_DAY = 86_400_000_000
_MOST_TEXTS = 20_000
"""Of more texts than these the rarest are left out of lists of texts, and nothing else."""

_MOST_SLOW = 20
_NEEDED = ("query_id", "at", "text", "profile", "n_results", "no_good_match", "took_ms")


class _Sums(NamedTuple):
    """What `Counts` is made of, as it can be added up; `reciprocals` is a sum."""

    searches: int
    without_results: int
    without_good_match: int
    without_click: int
    reciprocals: float

    def counts(self) -> dict[str, Any]:
        """The fields of `Counts`."""
        *counted, reciprocals = self
        with_results = self.searches - self.without_results
        mean = reciprocals / with_results if with_results else None
        return {**dict(zip(self._fields, counted, strict=False)), "reciprocal_rank": mean}

    def plus(self, other: _Sums) -> _Sums:
        """Both together."""
        return _Sums(
            searches=self.searches + other.searches,
            without_results=self.without_results + other.without_results,
            without_good_match=self.without_good_match + other.without_good_match,
            without_click=self.without_click + other.without_click,
            reciprocals=self.reciprocals + other.reciprocals,
        )


_NONE = _Sums(0, 0, 0, 0, 0.0)


class Searches:
    """The searches of a time, as a table of which questions are asked.

    It is made once, beside the store, and gone with the connection's transaction.
    """

    def __init__(self, connection: Connection, since: int, until: int) -> None:
        self._connection, self._since, self._until = connection, since, until
        self._within = (queries.c.at >= since, queries.c.at < until)
        made = _meant(*self._within).into("searches", temporary=True)
        connection.execute(made)
        self._table = made.table

    def all(self) -> Counts:
        """All of them together."""
        parts = (sums for _, sums in self._sums(self._table.c.profile))
        return Counts(**reduce(_Sums.plus, parts, _NONE).counts())

    def answers(self) -> dict[str, int]:
        """How many answers there were of each kind."""
        wanted = (
            select(queries.c.kind, func.count().label("n"))
            .where(*self._within)
            .group_by(queries.c.kind)
        )
        counted = {row.kind: row.n for row in self._connection.execute(wanted)}
        return {kind.value: counted.get(kind.value, 0) for kind in QueryKind}

    def days(self) -> list[Day]:
        """Each day, those without a search too."""
        known = dict(self._sums(self._table.c.at // _DAY))
        first, last = self._since // _DAY, (self._until - 1) // _DAY
        return [
            Day(day=time_at(one * _DAY).date(), **known.get(one, _NONE).counts())
            for one in range(first, last + 1)
        ]

    def profiles(self) -> list[Profile]:
        """By profile, those with the most searches first."""
        found = [
            Profile(profile=name, p95_ms=self.at_most(0.95, profile=name), **sums.counts())
            for name, sums in self._sums(self._table.c.profile)
        ]
        return sorted(found, key=lambda one: (-one.searches, one.profile))

    def texts(self) -> list[Text]:
        """By text, where those that differ in case and blanks are one."""
        found: dict[str, _Sums] = {}
        for text, sums in self._sums(self._table.c.text, most=_MOST_TEXTS):
            name = " ".join((text or "").casefold().split())
            found[name] = found.get(name, _NONE).plus(sums)
        found.pop("", None)
        return [Text(text=name, **sums.counts()) for name, sums in sorted(found.items())]

    def at_most(self, share: float, *, profile: str | None = None) -> float:
        """What that share of the searches took at most, ms; 0 where there are none."""
        took, name = self._table.c.took_ms, self._table.c.profile
        ranked = select(took, func.cume_dist().over(order_by=took).label("share")).where(
            true() if profile is None else name == profile
        )
        spread = ranked.subquery("spread")
        least = select(func.min(spread.c.took_ms)).where(spread.c.share >= share)
        return float(self._connection.scalar(least) or 0.0)

    def slow(self) -> list[Slow]:
        """The slowest."""
        found = self._table.c
        wanted = (
            select(found.at, found.text, found.profile, found.took_ms)
            .order_by(found.took_ms.desc(), found.query_id)
            .limit(_MOST_SLOW)
        )
        return [
            Slow(at=time_at(row.at), text=row.text, profile=row.profile, took_ms=row.took_ms)
            for row in self._connection.execute(wanted)
        ]

    def _sums(
        self, by: ColumnElement[Any], *, most: int | None = None
    ) -> Iterable[tuple[Any, _Sums]]:
        """The sums of each group, the largest groups first."""
        found = self._table.c
        had, opened = found.n_results > 0, found.clicks > 0
        reciprocal = func.coalesce(1.0 / cast(found.best, Float), 0.0)
        columns = [
            func.count(),
            _number_of(~had),
            _number_of(found.no_good_match == true()),
            _number_of(had & ~opened),
            func.coalesce(func.sum(case((had, reciprocal), else_=0.0)), 0.0),
        ]
        group = by.label("group")
        wanted = (
            select(group, *columns)
            .select_from(self._table)
            .group_by(group)
            .order_by(func.count().desc(), group)
            .limit(most)
        )
        return [(one, _Sums(*sums)) for one, *sums in self._connection.execute(wanted)]


def _meant(*within: ColumnElement[bool]) -> Select[Any]:
    """First pages of searches, but those that were typed through, with what was clicked of them.

    Clicks are looked up search by search: a planner that knows nothing of the tables yet would
    compare all with all.
    """
    following = func.lead(queries.c.at).over(
        partition_by=queries.c.session, order_by=(queries.c.at, queries.c.query_id)
    )
    is_search = (queries.c.kind == QueryKind.SEARCH.value, queries.c.offset == 0)
    needed = (queries.c[name] for name in (*_NEEDED, "session"))
    typed = select(*needed, following.label("following")).where(*is_search, *within).cte("typed")
    clicked = (events.c.query_id == typed.c.query_id, events.c.type == EventType.CLICK.value)
    best, clicks = (
        select(number).where(*clicked).scalar_subquery().label(name)
        for name, number in (("best", func.min(events.c.rank)), ("clicks", func.count()))
    )
    stood = or_(
        typed.c.session.is_(None),
        typed.c.following.is_(None),
        typed.c.following - typed.c.at >= _TYPING,
    )
    return select(*(typed.c[name] for name in _NEEDED), best, clicks).where(stood)


def _number_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(case((condition, 1), else_=0)), 0), Integer)
