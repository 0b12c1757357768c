"""The neighbours lane: items that people like who like what this person likes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import Csr, FloatArray, RowArray
from shortlist.bundle.sections.neighbour_lists import CO_LIKED, COLLABORATIVE, Neighbours
from shortlist.engine.features import Matches
from shortlist.engine.row_sets import distinct

_DENSE_UP_TO = 100_000


@dataclass(frozen=True)
class Taste:
    """What somebody likes: rows int64 [g] and weights float64 [g], below 0 for what they do not.

    The first `n_liked` were given as liked, whatever their weights. `interactions` and `likes`
    float64 [g] are what each counts in sums over what people rate, and over what they like: the
    weights, unless the bundle says how it has learnt from ratings.
    """

    rows: RowArray
    weights: FloatArray
    n_liked: int
    interactions: FloatArray
    likes: FloatArray

    @classmethod
    def of(cls, row: int) -> Taste:
        """One liked item."""
        one = np.ones(1)
        return cls(np.array([row], np.int64), one, n_liked=1, interactions=one, likes=one)


class Reason(StrEnum):
    """Why an answer rests on text and popularity alone."""

    NO_NEIGHBOURS = "bundle_without_neighbours"
    NOT_WEIGHED = "profile_without_neighbours"
    NOTHING_LIKED = "nothing_liked"
    NOBODY_LIKES = "liked_by_nobody"


@dataclass(frozen=True)
class Collaboration:
    """What others like, in an answer for a taste.

    Of the `given` items `known` have neighbours: somebody likes them together with others. `used`
    says that neighbours brought candidates and features; if not, text and popularity alone decided,
    for the `reason`: the bundle has no neighbours (its ratings name no users, nobody likes two
    items, or it was built without), nothing that is liked was given, the profile weighs neither
    `collaborative` nor `co_liked`, or nobody likes what was given together with anything else.
    """

    used: bool
    given: int
    known: int
    reason: Reason | None


def collaborate(
    neighbours: Neighbours | None, taste: Taste, weights: Mapping[str, float]
) -> tuple[Matches | None, Collaboration]:
    """What the neighbours of a taste say; None with the reason where they say nothing."""
    known = neighbours.knows(taste.rows) if neighbours else np.zeros(len(taste.rows), np.bool_)
    liked = (taste.interactions > 0) | (taste.likes > 0)
    wanted = [name for name in (COLLABORATIVE, CO_LIKED) if name in weights]
    reason = None
    if neighbours is None:
        reason = Reason.NO_NEIGHBOURS
    elif not liked.any():
        reason = Reason.NOTHING_LIKED
    elif not any(weights[name] for name in wanted):
        reason = Reason.NOT_WEIGHED
    elif not (known & liked).any():
        reason = Reason.NOBODY_LIKES
    told = Collaboration(reason is None, len(taste.rows), int(known.sum()), reason)
    if neighbours is None or reason is not None:
        return None, told
    return score_neighbours(neighbours, taste, wanted), told


def strongest(matches: Matches, n: int, weights: Mapping[str, float], rows: RowArray) -> RowArray:
    """Of these rows (int64, rising) up to `n` by the weighted sum of what is said of them.

    Rows whose sum is 0 are left out; ties in rising row order.
    """
    sums = np.zeros(len(rows))
    for name in matches.values:
        if weights.get(name):
            sums += matches.at(rows, name) * weights[name]
    order = np.argsort(-sums, kind="stable")[:n]
    best: RowArray = rows[order[sums[order] > 0]]
    return best


def score_neighbours(
    neighbours: Neighbours, taste: Taste, wanted: Collection[str] = (COLLABORATIVE, CO_LIKED)
) -> Matches:
    """The wanted features of every item that a neighbour of the taste's speaks of, others 0.

    `collaborative` is Σ interaction × B over the given items, divided by the largest such sum of an
    item not given, negative sums put to 0: it orders items within one answer. `co_liked` is
    Σ like × P(likes j | likes i) divided by the sum of the likes above 0, cut to [0, 1]: for a
    single liked item the share itself. See `indexing.neighbours` for B and P.
    """
    counts = {COLLABORATIVE: taste.interactions, CO_LIKED: taste.likes}
    parts = {name: _weighed(getattr(neighbours, name), taste.rows, counts[name]) for name in wanted}
    rows, sums = _summed(parts, n_items=len(neighbours.co_liked))
    found = {COLLABORATIVE: np.zeros(len(rows)), CO_LIKED: np.zeros(len(rows))}
    if CO_LIKED in sums:
        liked = max(float(taste.likes[taste.likes > 0].sum()), 1e-9)
        found[CO_LIKED] = np.clip(sums[CO_LIKED] / liked, 0.0, 1.0)
    if COLLABORATIVE in sums:
        largest = float(_without(rows, sums[COLLABORATIVE], taste.rows).max(initial=0.0))
        if largest > 0:
            found[COLLABORATIVE] = np.clip(sums[COLLABORATIVE] / largest, 0.0, 1.0)
    return Matches(rows, found)


Part = tuple[npt.NDArray[np.int32], FloatArray]


def _summed(parts: Mapping[str, Part], *, n_items: int) -> tuple[RowArray, dict[str, FloatArray]]:
    """The rows that any part names, int64 rising, and each part's sums at them."""
    if n_items <= _DENSE_UP_TO:
        named = np.zeros(n_items, dtype=np.bool_)
        for found, _ in parts.values():
            named[found] = True
        rows = np.flatnonzero(named)
        return rows, {
            name: np.bincount(found, values, minlength=n_items)[rows].astype(np.float64)
            for name, (found, values) in parts.items()
        }
    every = distinct(np.concatenate([found for found, _ in parts.values()]))
    return every.astype(np.int64), {
        name: np.bincount(np.searchsorted(every, found), values, minlength=len(every)).astype(
            np.float64
        )
        for name, (found, values) in parts.items()
    }


def _weighed(lists: Csr, rows: RowArray, counts: FloatArray) -> Part:
    """The lists of these items, one behind the other, times what each item counts."""
    assert lists.weights is not None
    places = lists.places(rows)
    weights = lists.weights[places].astype(np.float64)
    weights *= np.repeat(counts, lists.counts(rows))
    return lists.indices[places], weights


def _without(rows: RowArray, values: FloatArray, left_out: RowArray) -> FloatArray:
    """The values of those `rows` (rising) that are not left out."""
    kept = np.ones(len(rows), dtype=np.bool_)
    if len(rows):
        place = np.minimum(np.searchsorted(rows, left_out), len(rows) - 1)
        kept[place[rows[place] == left_out]] = False
    return values[kept]
