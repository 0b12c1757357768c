"""Facets: how the matches spread over categories and over a number's range."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.reader import Bundle
from shortlist.engine.filters import attribute_numbers, numeric_attributes
from shortlist.errors import InvalidParameter

CATEGORIES = "categories"
MAX_BINS = 20
MAX_CATEGORIES = 200
_WHOLE_BELOW = 2.0**63


@dataclass(frozen=True)
class CategoryCount:
    """How many matches are of a category."""

    name: str
    count: int


@dataclass(frozen=True)
class Bin:
    """How many matches lie from `low` (included) to `high` (excluded, but in the last bin)."""

    low: int | float
    high: int | float
    count: int


@dataclass(frozen=True)
class Histogram:
    """An attribute's spread over the matches; `missing` of them have no value."""

    name: str
    bins: list[Bin]
    missing: int


@dataclass(frozen=True)
class Facets:
    """What was asked to be counted, over all matches of the filter."""

    categories: list[CategoryCount] | None
    histograms: list[Histogram]


def count_facets(bundle: Bundle, wanted: tuple[str, ...], rows: RowArray) -> Facets:
    """Counts over these rows (int64, rising). Raises InvalidParameter for an unknown facet."""
    known = [CATEGORIES, *numeric_attributes(bundle)]
    for name in wanted:
        if name not in known:
            raise InvalidParameter("facets", f"expected one of: {', '.join(known)}; found {name!r}")
    return Facets(
        categories=_categories(bundle, rows) if CATEGORIES in wanted else None,
        histograms=[
            _histogram(bundle, name, rows) for name in dict.fromkeys(wanted) if name != CATEGORIES
        ],
    )


def _categories(bundle: Bundle, rows: RowArray) -> list[CategoryCount]:
    """The most frequent first, ties by name."""
    lists, names = bundle.items.categories.lists, bundle.items.categories.names
    chosen = np.zeros(bundle.n_items, dtype=np.bool_)
    chosen[rows] = True
    codes = lists.indices[np.repeat(chosen, np.diff(lists.offsets))]
    counts = np.bincount(codes, minlength=len(names))
    named = sorted(zip(names, counts.tolist(), strict=True), key=lambda one: -one[1])
    return [CategoryCount(name, count) for name, count in named if count][:MAX_CATEGORIES]


def _histogram(bundle: Bundle, name: str, rows: RowArray) -> Histogram:
    values, has_one = attribute_numbers(bundle, name)
    known = values[rows][has_one[rows]]
    return Histogram(name, bins_of(known) if len(known) else [], len(rows) - len(known))


def bins_of(values: npt.NDArray[Any]) -> list[Bin]:
    """At most 20 bins of equal width, over whole numbers of whole width, that hold every value.

    `values` int64 or finite float64 [n], at least one; each is counted once.
    """
    if values.dtype == np.int64:
        return _whole_bins(values)
    if np.all(values == np.round(values)) and np.abs(values).max() < _WHOLE_BELOW:
        return _whole_bins(values.astype(np.int64))
    low, high = values.min(), values.max()
    halves = np.linspace(low / 2, high / 2, MAX_BINS + 1)  # the whole span may exceed a float
    edges = np.unique(np.clip(halves * 2, low, high))
    edges = np.unique([low, *edges[1:-1], high]) if low < high else np.array([low, high])
    counts, _ = np.histogram(values, edges)
    while not counts[-1]:
        edges, counts = edges[:-1], counts[:-1]
    ends = pairwise(edges.tolist())
    return [Bin(*of, count) for of, count in zip(ends, counts.tolist(), strict=True)]


def _whole_bins(values: RowArray) -> list[Bin]:
    low, high = int(values.min()), int(values.max())
    width = -(-(high - low + 1) // MAX_BINS)
    above = values.astype(np.uint64) - np.uint64(low % 2**64)  # wraps around to what is right
    counts = np.bincount((above // np.uint64(width)).astype(np.int64)).tolist()
    return [
        Bin(low + place * width, low + (place + 1) * width, count)
        for place, count in enumerate(counts)
    ]
