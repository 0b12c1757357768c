"""Facets: how the matches spread over categories and over a number's range."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.reader import Bundle
from shortlist.engine.filters import attribute_numbers, numeric_attributes
from shortlist.errors import InvalidParameter

CATEGORIES = "categories"
MAX_BINS = 20
MAX_CATEGORIES = 200


@dataclass(frozen=True)
class CategoryCount:
    """How many matches are of a category."""

    name: str
    count: int


@dataclass(frozen=True)
class Bin:
    """How many matches lie from `low` (included) to `high` (excluded, but in the last bin)."""

    low: float
    high: float
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
    """At most 20 bins of equal width, over whole numbers of whole width."""
    values = attribute_numbers(bundle, name)[rows]
    known = values[np.isfinite(values)]
    missing = len(values) - len(known)
    if not len(known):
        return Histogram(name, [], missing)
    low, high = float(known.min()), float(known.max())
    if np.all(known == np.round(known)):
        width = max(1, int(np.ceil((high - low + 1) / MAX_BINS)))
        edges = np.arange(low, high + width + 1, width)
    else:
        edges = np.linspace(low, high, MAX_BINS + 1)
    counts, edges = np.histogram(known, edges)
    ends = pairwise(edges.tolist())
    bins = [Bin(*of, count) for of, count in zip(ends, counts.tolist(), strict=True)]
    while bins and not bins[-1].count:
        bins.pop()
    return Histogram(name, bins, missing)
