"""Facets: how the matches spread over categories and over a number's range."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shortlist.bundle.arrays import RowArray, truths_of
from shortlist.bundle.reader import Bundle
from shortlist.engine.filters import (
    attribute_codes,
    attribute_numbers,
    numeric_attributes,
    text_attributes,
)
from shortlist.errors import InvalidParameter

CATEGORIES = "categories"
MAX_BINS = 20
MAX_CATEGORIES = MAX_VALUES = 200
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
class ValueCount:
    """How many matches have a value, which a filter takes as it stands here."""

    value: str
    count: int


@dataclass(frozen=True)
class Values:
    """An attribute's values over the matches, the most frequent first, up to 200.

    `others` matches have one that is not among them, `missing` have none.
    """

    name: str
    values: list[ValueCount]
    others: int
    missing: int


@dataclass(frozen=True)
class Facets:
    """What was asked to be counted, over all matches of the filter.

    Attributes that are numbers have histograms, texts and booleans have values.
    """

    categories: list[CategoryCount] | None
    histograms: list[Histogram]
    values: list[Values]


def count_facets(bundle: Bundle, wanted: tuple[str, ...], rows: RowArray) -> Facets:
    """Counts over these rows (int64, rising). Raises InvalidParameter for an unknown facet."""
    known, numeric = facet_names(bundle), numeric_attributes(bundle)
    for name in wanted:
        if name not in known:
            raise InvalidParameter("facets", f"expected one of: {', '.join(known)}; found {name!r}")
    names = [name for name in dict.fromkeys(wanted) if name != CATEGORIES]
    return Facets(
        categories=_categories(bundle, rows) if CATEGORIES in wanted else None,
        histograms=[_histogram(bundle, name, rows) for name in names if name in numeric],
        values=[_values(bundle, name, rows) for name in names if name not in numeric],
    )


def facet_names(bundle: Bundle) -> list[str]:
    """What can be counted: categories, and every attribute."""
    return [CATEGORIES, *bundle.items.attributes]


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


def _values(bundle: Bundle, name: str, rows: RowArray) -> Values:
    """Ties by value."""
    if name in text_attributes(bundle):
        codes, names = attribute_codes(bundle, name)
    else:
        truths, known = truths_of(bundle.items.attributes[name])
        codes, names = np.where(known, truths, -1), pa.array(["false", "true"])
    counts = np.bincount(codes[rows] + 1, minlength=len(names) + 1)
    missing, counts = int(counts[0]), counts[1:]
    met = np.flatnonzero(counts)
    most = met[np.argsort(-counts[met], kind="stable")]
    if len(most) > MAX_VALUES:  # those as frequent as the last stand by value with it
        most = most[counts[most] >= counts[most[MAX_VALUES - 1]]]
    texts = names.take(pa.array(most)).to_pylist()
    named = sorted(
        zip(texts, counts[most].tolist(), strict=True), key=lambda one: (-one[1], one[0])
    )
    shown = [ValueCount(*one) for one in named[:MAX_VALUES]]
    others = len(rows) - missing - sum(one.count for one in shown)
    return Values(name, shown, others, missing)


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
