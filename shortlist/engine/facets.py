"""Facets: how items spread over categories and over the values of attributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import TEXT, Csr, RowArray
from shortlist.bundle.attributes import (
    NAMED,
    NUMERIC,
    Kind,
    codes_of,
    kind_of,
    named_of,
    ordered_of,
)
from shortlist.bundle.reader import Bundle
from shortlist.engine.attribute_filters import attributes_of
from shortlist.engine.bins import Bin, TimeBin, bins_of, growing_bins, time_bins
from shortlist.engine.filters import CATEGORIES
from shortlist.errors import InvalidParameter

MAX_CATEGORIES = MAX_VALUES = 200
_CROWDED = 0.9
"""Where one of the bins of equal width has so many of the values, they grow by a factor instead."""


@dataclass(frozen=True)
class CategoryCount:
    """How many items are of a category."""

    name: str
    count: int


@dataclass(frozen=True)
class Histogram:
    """An attribute's spread; `missing` of the items have no value.

    Bins are of equal width on a `linear` scale, on a `logarithmic` one each is wider than the one
    before by the same factor.
    """

    name: str
    scale: Literal["linear", "logarithmic"]
    bins: list[Bin]
    missing: int


@dataclass(frozen=True)
class Times:
    """An attribute's spread over years, months or days; `missing` of the items have no value."""

    name: str
    bins: list[TimeBin]
    missing: int


@dataclass(frozen=True)
class ValueCount:
    """How many items have a value, which a filter takes as it stands here."""

    value: str
    count: int


@dataclass(frozen=True)
class Values:
    """An attribute's values, the most frequent first, up to 200.

    `others` counts those that are not among them, `missing` items have none.
    """

    name: str
    values: list[ValueCount]
    others: int
    missing: int


C = TypeVar("C", Histogram, Times, Values)


@dataclass(frozen=True)
class AboutQuery:
    """Which items are about a query: those as similar to it as `similarity`, or with all its words.

    `items` of the whole catalogue; `exact` says that none was missed for certain.
    """

    similarity: float
    items: int
    exact: bool


@dataclass(frozen=True)
class Facets:
    """What was asked to be counted: items that pass the filter and are about the query.

    Each facet is counted as if the filter's own conditions on it were not there. Numbers have
    histograms, times their own; texts, lists of them and booleans have values. `about` is None
    where everything that passes the filter is counted.
    """

    categories: list[CategoryCount] | None
    histograms: list[Histogram]
    times: list[Times]
    values: list[Values]
    about: AboutQuery | None


def count_facets(
    bundle: Bundle,
    wanted: tuple[str, ...],
    rows_of: Callable[[str], RowArray],
    *,
    about: AboutQuery | None = None,
) -> Facets:
    """Counts over the rows (int64, rising) that `rows_of` gives for each facet.

    Raises InvalidParameter for an unknown facet.
    """
    check_facets(bundle, wanted)
    rows = {name: rows_of(name) for name in dict.fromkeys(wanted)}
    kinds = {name: kind_of(bundle.items.attributes[name]) for name in rows if name != CATEGORIES}
    return Facets(
        categories=_categories(bundle, rows[CATEGORIES]) if CATEGORIES in rows else None,
        histograms=[
            _histogram(bundle, name, rows[name]) for name in kinds if kinds[name] in NUMERIC
        ],
        times=[_times(bundle, name, rows[name]) for name in kinds if kinds[name] is Kind.TIME],
        values=[_values(bundle, name, rows[name]) for name in kinds if kinds[name] in NAMED],
        about=about,
    )


def check_facets(bundle: Bundle, wanted: tuple[str, ...]) -> None:
    """Raises InvalidParameter for a facet that this catalogue does not have."""
    known = facet_names(bundle)
    for name in wanted:
        if name not in known:
            raise InvalidParameter("facets", f"expected one of: {', '.join(known)}; found {name!r}")


def count_all(bundle: Bundle, rows: RowArray) -> Facets:
    """Every facet over these rows (int64, rising)."""
    return count_facets(bundle, tuple(facet_names(bundle)), lambda _: rows)


def some_of(facets: Facets, wanted: tuple[str, ...]) -> Facets:
    """Those of the counted facets that are wanted, in that order."""
    place = {name: at for at, name in enumerate(wanted)}

    def chosen(counted: list[C]) -> list[C]:
        return sorted(
            (one for one in counted if one.name in place), key=lambda one: place[one.name]
        )

    return Facets(
        categories=facets.categories if CATEGORIES in place else None,
        histograms=chosen(facets.histograms),
        times=chosen(facets.times),
        values=chosen(facets.values),
        about=None,
    )


def facet_names(bundle: Bundle) -> list[str]:
    """What can be counted: categories, and every attribute but points."""
    return [CATEGORIES, *attributes_of(bundle, *(kind for kind in Kind if kind is not Kind.POINT))]


def _categories(bundle: Bundle, rows: RowArray) -> list[CategoryCount]:
    """The most frequent first, ties by name."""
    lists, names = bundle.items.categories.lists, bundle.items.categories.names
    counts = np.bincount(_entries(lists, rows), minlength=len(names))
    named = sorted(zip(names, counts.tolist(), strict=True), key=lambda one: -one[1])
    return [CategoryCount(name, count) for name, count in named if count][:MAX_CATEGORIES]


def _entries(lists: Csr, rows: RowArray) -> npt.NDArray[np.int32]:
    """What the lists of these rows have, one behind the other."""
    return lists.indices if len(rows) == len(lists) else lists.indices[lists.places(rows)]


def _histogram(bundle: Bundle, name: str, rows: RowArray) -> Histogram:
    known = _known_values(bundle, name, rows)
    bins = bins_of(known) if len(known) else []
    crowded = max((one.count for one in bins), default=0) > _CROWDED * len(known)
    growing = growing_bins(known) if crowded and len(bins) > 2 and known.min() >= 0 else []
    if len(growing) > 2:
        return Histogram(name, "logarithmic", growing, len(rows) - len(known))
    return Histogram(name, "linear", bins, len(rows) - len(known))


def _known_values(bundle: Bundle, name: str, rows: RowArray) -> npt.NDArray[Any]:
    """What these rows have of an attribute that has an order, [m]."""
    column = bundle.items.attributes[name]
    values, has_one = ordered_of(column, None if len(rows) == len(column) else rows)
    known: npt.NDArray[Any] = values if has_one.all() else values[has_one]
    return known


def _values(bundle: Bundle, name: str, rows: RowArray) -> Values:
    """Ties by value."""
    column = bundle.items.attributes[name]
    if kind_of(column) is Kind.STRINGS:
        lists, names = named_of(column)
        n_having = int(np.count_nonzero(lists.counts(rows)))
        counts = np.bincount(_entries(lists, rows), minlength=len(names))
    else:
        codes, names = codes_of(column, None if len(rows) == len(column) else rows)
        counts = np.bincount(codes + 1, minlength=len(names) + 1)
        n_having, counts = len(rows) - int(counts[0]), counts[1:]
    most = _most_frequent(counts, names, rising=column.type not in TEXT)
    texts = names.take(pa.array(most)).to_pylist()
    shown = [ValueCount(*one) for one in zip(texts, counts[most].tolist(), strict=True)]
    others = int(counts.sum()) - sum(one.count for one in shown)
    return Values(name, shown, others, len(rows) - n_having)


def _most_frequent(counts: RowArray, names: pa.Array, *, rising: bool) -> RowArray:
    """The codes met most often, ties by their texts: those of older bundles do not rise."""
    met = np.flatnonzero(counts)
    if not rising:
        met = met[pa.compute.array_sort_indices(names.take(pa.array(met))).to_numpy()]
    if len(met) > MAX_VALUES:  # before any is put in order: there may be as many as items
        least = np.partition(counts[met], -MAX_VALUES)[-MAX_VALUES]
        surely, also = met[counts[met] > least], met[counts[met] == least]
        met = np.concatenate([surely, also[: MAX_VALUES - len(surely)]])
    return met[np.argsort(-counts[met], kind="stable")]


def _times(bundle: Bundle, name: str, rows: RowArray) -> Times:
    known = _known_values(bundle, name, rows)
    return Times(name, time_bins(known) if len(known) else [], len(rows) - len(known))
