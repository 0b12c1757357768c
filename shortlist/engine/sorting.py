"""Lists in an order that was asked for: by attributes, the score or a distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.attributes import CODED, ORDERED, Kind, Mask, codes_of, kind_of, ordered_of
from shortlist.bundle.reader import Bundle
from shortlist.engine.attribute_filters import attributes_of, distances, near_attribute
from shortlist.engine.conditions import Near, shown
from shortlist.engine.features import POPULARITY
from shortlist.engine.query import Query
from shortlist.errors import FeatureUnavailable, InvalidParameter

SCORE, DISTANCE = "score", "distance"
NAMES = (SCORE, POPULARITY, DISTANCE)
"""What lists are ordered by beside attributes, none of which may have such a name."""

_FALLING = (SCORE, POPULARITY)
"""What is best where it is most; everything else rises unless it is said otherwise."""

_FIELD = "sort"
_ORDERS = {"asc": False, "desc": True}

Key = tuple[npt.NDArray[Any], Mask]
"""Values [m] to sort by, rising, and where there is one; what has none stands last."""


@dataclass(frozen=True)
class SortKey:
    """What to order by: an attribute, or one of `score`, `popularity`, `distance`."""

    name: str
    falls: bool

    def __str__(self) -> str:
        return f"{self.name}:{'desc' if self.falls else 'asc'}"


def sort_names(bundle: Bundle) -> list[str]:
    """What lists of this catalogue can be ordered by."""
    attributes = attributes_of(bundle, *ORDERED, Kind.STRING, Kind.BOOLEAN)
    popularity = [] if bundle.items.popularity is None else [POPULARITY]
    distance = [DISTANCE] if attributes_of(bundle, Kind.POINT) else []
    return list(dict.fromkeys([SCORE, *popularity, *distance, *attributes]))


def read_sort(bundle: Bundle, query: Query) -> tuple[SortKey, ...]:
    """The keys of a query, the first the one that counts most.

    Raises InvalidParameter for what this catalogue cannot be ordered by, and for a distance from
    nowhere.
    """
    if not query.sort:
        return ()
    known = sort_names(bundle)
    keys = tuple(_read_key(text, known) for text in query.sort)
    if DISTANCE in {key.name for key in keys} - set(bundle.items.attributes):
        if query.filters.near is None:
            raise InvalidParameter(_FIELD, "a distance needs a point: give filters.near (near=)")
        near_attribute(bundle, query.filters.near)
    return keys


def _read_key(text: str, known: list[str]) -> SortKey:
    name, colon, order = text.rpartition(":")
    if text in known:
        name, order = text, "desc" if text in _FALLING else "asc"
    elif not colon or name not in known or order not in _ORDERS:
        if POPULARITY in {name, text}:
            raise FeatureUnavailable("popularity: this catalogue has no ratings to sort by")
        listed = ", ".join(known)
        raise InvalidParameter(
            _FIELD, f"expected one of {listed}, with :asc or :desc if wanted; found {shown(text)}"
        )
    return SortKey(name, _ORDERS[order])


def places_in_order(
    bundle: Bundle,
    keys: Sequence[SortKey],
    rows: RowArray,
    *,
    scores: FloatArray,
    near: Near | None,
    n: int | None = None,
) -> RowArray:
    """The places of these rows (int64 [m]) in the order of the keys, the first `n` or all, int64.

    What is equal by the keys stands by its score (`scores` float64 [m]), then as the rows do.
    """
    wanted = (*keys, SortKey(SCORE, falls=True))
    values = [_turned(bundle, key, rows, scores, near) for key in wanted]
    return first_by(values, np.arange(len(rows)), len(rows) if n is None else n)


def _turned(
    bundle: Bundle, key: SortKey, rows: RowArray, scores: FloatArray, near: Near | None
) -> Key:
    """What a key says of these rows, turned so that less is better."""
    values, known = _values(bundle, key.name, rows, scores, near)
    if not key.falls:
        return values, known
    return (~values if values.dtype.kind == "i" else -values), known


def _values(
    bundle: Bundle, name: str, rows: RowArray, scores: FloatArray, near: Near | None
) -> Key:
    every = np.ones(len(rows), dtype=np.bool_)
    if name == SCORE:
        return scores, every
    if name == POPULARITY and bundle.items.popularity is not None:
        return bundle.items.popularity.popularity_score[rows], every
    if name == DISTANCE and near is not None:
        away = distances(bundle, near, rows)
        return away, ~np.isnan(away)
    column = bundle.items.attributes[name]
    if kind_of(column) in ORDERED:
        return ordered_of(column, rows)
    codes, names = codes_of(column, rows)
    if column.type != CODED:  # of other columns the codes do not rise as the texts do
        codes = _ranks(names)[codes] if len(names) else codes
    return codes, codes >= 0


def _ranks(names: pa.Array) -> npt.NDArray[np.int32]:
    """The rank of each text, and -1 behind them for the code -1."""
    order = pa.compute.array_sort_indices(names).to_numpy()
    ranks = np.full(len(names) + 1, -1, dtype=np.int32)
    ranks[order] = np.arange(len(names), dtype=np.int32)
    return ranks


def first_by(keys: Sequence[Key], places: RowArray, n: int) -> RowArray:
    """The first `n` of these places (int64, of the keys' arrays) in the order of the keys.

    Ties keep the order of the places. Only what can be among the first is put in order.
    """
    if n <= 0 or not keys:
        return places[: max(n, 0)]
    (values, known), *rest = keys
    having, lacking = places[known[places]], places[~known[places]]
    if len(having) > n:
        found = values[having]
        last = np.partition(found, n - 1)[n - 1]
        sure = _in_order(keys, having[found < last])
        return np.concatenate([sure, first_by(rest, having[found == last], n - len(sure))])
    return np.concatenate([_in_order(keys, having), first_by(rest, lacking, n - len(having))])


def _in_order(keys: Sequence[Key], places: RowArray) -> RowArray:
    columns = []
    for values, known in keys:
        own = known[places]
        columns += [~own, np.where(own, values[places], values.dtype.type(0))]
    return places[np.lexsort(columns[::-1])]
