"""The neighbours lane: items that people like who like what this person likes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shortlist.bundle.sections.neighbour_lists import (
    CO_LIKED,
    COLLABORATIVE,
    NeighbourLists,
    Neighbours,
)
from shortlist.engine.lanes.semantic import values_at

FloatArray = npt.NDArray[np.float64]
RowArray = npt.NDArray[np.int64]

_DENSE_UP_TO = 100_000


@dataclass(frozen=True)
class Taste:
    """What somebody likes: rows int64 [g] and weights float64 [g], below 0 for what they do not.

    The first `n_liked` were given as liked, whatever their weights.
    """

    rows: RowArray
    weights: FloatArray
    n_liked: int


@dataclass(frozen=True)
class NeighbourScores:
    """What the neighbours of a taste say of items.

    rows int64 [m], rising; `collaborative` and `co_liked` float64 [m] in [0, 1].
    """

    rows: RowArray
    collaborative: FloatArray
    co_liked: FloatArray

    def value_of(self, rows: RowArray, name: str) -> FloatArray:
        """The feature of this name at these rows, float64 [n]; 0 for rows not spoken of."""
        return values_at(self.rows, getattr(self, name), rows)

    def best(self, n: int, weights: dict[str, float], rows: RowArray) -> RowArray:
        """Of these rows (int64, rising) up to `n` by the weighted sum of both features.

        Rows whose sum is 0 are left out; ties in rising row order.
        """
        sums = sum(self.value_of(rows, name) * weight for name, weight in weights.items())
        order = np.argsort(-np.asarray(sums), kind="stable")[:n]
        best: RowArray = rows[order[np.asarray(sums)[order] > 0]]
        return best


def score_neighbours(
    neighbours: Neighbours, taste: Taste, wanted: Collection[str] = (COLLABORATIVE, CO_LIKED)
) -> NeighbourScores:
    """The wanted features of every item that a neighbour of the taste's speaks of, others 0.

    `collaborative` is Σ weight × B over the given items, divided by the largest such sum of an
    item not given, negative sums put to 0: it orders items within one answer. `co_liked` is
    Σ weight × P(likes j | likes i) divided by the sum of the weights above 0, cut to [0, 1]: for a
    single liked item the share itself. See `indexing.neighbours` for B and P.
    """
    parts = {name: _weighed(getattr(neighbours, name), taste) for name in wanted}
    rows, sums = _summed(parts, n_items=len(neighbours.co_liked))
    found = {COLLABORATIVE: np.zeros(len(rows)), CO_LIKED: np.zeros(len(rows))}
    if CO_LIKED in sums:
        liked = max(float(taste.weights[taste.weights > 0].sum()), 1e-9)
        found[CO_LIKED] = np.clip(sums[CO_LIKED] / liked, 0.0, 1.0)
    if COLLABORATIVE in sums:
        largest = float(_without(rows, sums[COLLABORATIVE], taste.rows).max(initial=0.0))
        if largest > 0:
            found[COLLABORATIVE] = np.clip(sums[COLLABORATIVE] / largest, 0.0, 1.0)
    return NeighbourScores(rows, **found)


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
    distinct = np.unique(np.concatenate([found for found, _ in parts.values()]))
    return distinct.astype(np.int64), {
        name: np.bincount(np.searchsorted(distinct, found), values, minlength=len(distinct)).astype(
            np.float64
        )
        for name, (found, values) in parts.items()
    }


def _weighed(lists: NeighbourLists, taste: Taste) -> Part:
    """The lists of a taste's items, one behind the other, times the items' weights."""
    counts = lists.counts(taste.rows)
    ends = np.cumsum(counts)
    places = np.arange(int(ends[-1]) if len(ends) else 0)
    places += np.repeat(lists.offsets[taste.rows] - (ends - counts), counts)
    weights = lists.weights[places].astype(np.float64)
    weights *= np.repeat(taste.weights, counts)
    return lists.rows[places], weights


def _without(rows: RowArray, values: FloatArray, left_out: RowArray) -> FloatArray:
    """The values of those `rows` (rising) that are not left out."""
    kept = np.ones(len(rows), dtype=np.bool_)
    if len(rows):
        place = np.minimum(np.searchsorted(rows, left_out), len(rows) - 1)
        kept[place[rows[place] == left_out]] = False
    return values[kept]
