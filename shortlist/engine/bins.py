"""Bins: numbers and times counted by where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.attributes import DAY_US

MAX_BINS = 20
_WHOLE_BELOW = 2.0**63
_EXACT_BELOW = 2**53
_LOOKED_AT = 10_000


@dataclass(frozen=True)
class Bin:
    """How many items lie from `low` (included) to `high` (excluded, but in the last bin)."""

    low: int | float
    high: int | float
    count: int


@dataclass(frozen=True)
class TimeBin:
    """How many items lie from `low` (included) to `high` (excluded), dates in ISO 8601."""

    low: str
    high: str
    count: int


_LAST_DAY = np.datetime64("9999-12-31")


def time_bins(values: RowArray) -> list[TimeBin]:
    """At most 20 bins of so many years, months or days each, that hold every value.

    `values` int64 [n], microseconds from 1970, at least one.
    """
    low, high = (int(one) // DAY_US for one in (values.min(), values.max()))
    for unit in ("D", "M", "Y"):
        first, last = (
            int(np.datetime64(day, "D").astype(f"datetime64[{unit}]").astype(np.int64))
            for day in (low, high)
        )
        width = -(-(last - first + 1) // MAX_BINS)
        if width <= _MOST_TOGETHER[unit]:
            break
    edges = np.arange(first, last + width + 1, width)
    days = edges.astype(f"datetime64[{unit}]").astype("datetime64[D]").astype(np.int64)
    counts = _held(values, days * DAY_US)
    names = [_day(day) for day in days.tolist()]
    return [TimeBin(*of, count) for of, count in zip(pairwise(names), counts.tolist(), strict=True)]


_MOST_TOGETHER = {"D": 3, "M": 6, "Y": 10_000}
"""So many days or months make a bin at most; more are told by the next larger unit."""


def _day(day: int) -> str:
    return str(min(np.datetime64(day, "D"), _LAST_DAY))


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
    return _counted(values, edges)


def growing_bins(values: npt.NDArray[Any]) -> list[Bin]:
    """At most 20 bins, from the second on each wider than the one before by the same factor.

    `values` int64 or float64 [n], none below 0; the first bin begins at the least of them. None
    where all but the least are the same, and for integers beyond 2^53, which as floats would run
    together.
    """
    low, high = float(values.min()), float(values.max())
    if values.dtype == np.int64 and high >= _EXACT_BELOW:
        return []
    some = values[:: max(1, len(values) // _LOOKED_AT)]
    above = some[some > low]
    least = max(float(np.quantile(above, 0.01)) if len(above) else high, high / 1e12)
    if not 0 < least < high:
        return []
    edges = np.geomspace(least, high, MAX_BINS)
    if values.dtype == np.int64:
        edges = np.unique(np.ceil(edges))
    inner = edges[(edges > low) & (edges < high)]
    return _counted(values.astype(np.float64), np.unique([low, *inner, high]))


def _counted(values: npt.NDArray[Any], edges: npt.NDArray[np.float64]) -> list[Bin]:
    counts = _held(values, edges)
    while not counts[-1]:
        edges, counts = edges[:-1], counts[:-1]
    ends = pairwise(edges.tolist())
    return [Bin(*of, count) for of, count in zip(ends, counts.tolist(), strict=True)]


def _held(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> RowArray:
    """How many values lie from each edge to the next, the last edge included, int64 [n_edges - 1].

    One comparison with each of the few edges: a tenth of what `numpy.histogram` takes, which sorts.
    """
    below = [np.count_nonzero(values < edge) for edge in edges[:-1]]
    return np.diff([*below, np.count_nonzero(values <= edges[-1])])


def _whole_bins(values: RowArray) -> list[Bin]:
    low, high = int(values.min()), int(values.max())
    width = -(-(high - low + 1) // MAX_BINS)
    above = values.astype(np.uint64) - np.uint64(low % 2**64)  # wraps around to what is right
    counts = np.bincount((above // np.uint64(width)).astype(np.int64)).tolist()
    return [
        Bin(low + place * width, low + (place + 1) * width, count)
        for place, count in enumerate(counts)
    ]
