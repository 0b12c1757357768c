"""Facets: how items spread over categories and over the values of attributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import TEXT, RowArray, known_of
from shortlist.bundle.arrays import values_of as numbers_of
from shortlist.bundle.attributes import NAMED, Kind, kind_of
from shortlist.bundle.reader import Bundle
from shortlist.engine.attribute_filters import attributes_of
from shortlist.engine.bins import Bin, TimeBin, bins_of, growing_bins, time_bins
from shortlist.engine.kept import Kept
from shortlist.engine.row_sets import RowSet
from shortlist.engine.value_sets import CATEGORIES, categories_of, names_of, values_of
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


_LINE_BYTES = 300
"""A line of counts: its name, its number and what Python needs to hold them."""

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


Counted = list[CategoryCount] | Histogram | Times | Values
"""One facet's counts."""


def count_facets(
    bundle: Bundle,
    wanted: tuple[str, ...],
    count: Callable[[str], Counted],
    *,
    about: AboutQuery | None = None,
) -> Facets:
    """What `count` finds for each facet (see `count_one`), put together.

    Raises InvalidParameter for an unknown facet.
    """
    check_facets(bundle, wanted)
    counted = {name: count(name) for name in dict.fromkeys(wanted)}
    categories = counted.pop(CATEGORIES, None)
    found = counted.values()
    return Facets(
        categories=categories if isinstance(categories, list) else None,
        histograms=[one for one in found if isinstance(one, Histogram)],
        times=[one for one in found if isinstance(one, Times)],
        values=[one for one in found if isinstance(one, Values)],
        about=about,
    )


def count_one(bundle: Bundle, name: str, rows: RowSet, kept: Kept) -> Counted:
    """The counts of one facet over these rows; sets of rows on the way are `kept`."""
    if name == CATEGORIES:
        return _categories(bundle, rows, kept)
    kind = kind_of(bundle.items.attributes[name])
    if kind in NAMED:
        return _values(bundle, name, rows, kept)
    known = _known_values(bundle, name, rows, kept)
    n_missing = len(rows) - len(known)
    if kind is Kind.TIME:
        return Times(name, time_bins(known) if len(known) else [], n_missing)
    return _histogram(name, known, n_missing)


def size_of(counted: Counted) -> int:
    """About how many bytes the counts take."""
    n_lines = len(counted if isinstance(counted, list) else vars(counted).get("bins", ()))
    if isinstance(counted, Values):
        n_lines = len(counted.values)
    return _LINE_BYTES * (1 + n_lines)


def check_facets(bundle: Bundle, wanted: tuple[str, ...]) -> None:
    """Raises InvalidParameter for a facet that this catalogue does not have."""
    known = facet_names(bundle)
    for name in wanted:
        if name not in known:
            raise InvalidParameter("facets", f"expected one of: {', '.join(known)}; found {name!r}")


def count_all(bundle: Bundle, rows: RowSet, kept: Kept) -> Facets:
    """Every facet over these rows."""
    wanted = tuple(facet_names(bundle))
    return count_facets(bundle, wanted, lambda name: count_one(bundle, name, rows, kept))


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


def _categories(bundle: Bundle, rows: RowSet, kept: Kept) -> list[CategoryCount]:
    """The most frequent first, ties by name."""
    names = bundle.items.categories.names
    counts = categories_of(bundle).counts(rows, kept)
    named = sorted(zip(names, counts.tolist(), strict=True), key=lambda one: -one[1])
    return [CategoryCount(name, count) for name, count in named if count][:MAX_CATEGORIES]


def _histogram(name: str, known: npt.NDArray[Any], n_missing: int) -> Histogram:
    bins = bins_of(known) if len(known) else []
    crowded = max((one.count for one in bins), default=0) > _CROWDED * len(known)
    growing = growing_bins(known) if crowded and len(bins) > 2 and known.min() >= 0 else []
    if len(growing) > 2:
        return Histogram(name, "logarithmic", growing, n_missing)
    return Histogram(name, "linear", bins, n_missing)


def _known_values(bundle: Bundle, name: str, rows: RowSet, kept: Kept) -> npt.NDArray[Any]:
    """What these rows have of an attribute that has an order, [m]."""
    column = bundle.items.attributes[name]
    if column.null_count:
        rows = rows & kept.of_mask(("valued", name), lambda: known_of(column))
    values = numbers_of(column.field(0) if kind_of(column) is Kind.TIME else column)
    known: npt.NDArray[Any] = values if len(rows) == len(column) else values[rows.rows]
    return known


def _values(bundle: Bundle, name: str, rows: RowSet, kept: Kept) -> Values:
    """Ties by value."""
    column = bundle.items.attributes[name]
    carried, names = values_of(name, column), names_of(column)
    counts = carried.counts(rows, kept)
    most = _most_frequent(counts, names, rising=column.type not in TEXT)
    texts = names.take(pa.array(most)).to_pylist()
    shown = [ValueCount(*one) for one in zip(texts, counts[most].tolist(), strict=True)]
    others = int(counts.sum()) - sum(one.count for one in shown)
    return Values(name, shown, others, len(rows) - carried.n_having(rows, kept))


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
