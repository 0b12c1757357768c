"""Histograms of any numbers: every known value counted once, where it lies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shortlist.bundle.attributes import FIRST, LAST, moment_of
from shortlist.engine.bins import MAX_BINS, Bin, bins_of, growing_bins, time_bins

EXTREME = [-1e308, 1e308, 5e-324, -0.0, 2.0**53, 2.0**63, 1.7976931348623157e308]
floats = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(EXTREME))
integers = st.integers(-(2**63), 2**63 - 1)


def held(bins: list[Bin], values: list[float]) -> list[int]:
    """How many values lie in each bin, one by one in plain Python."""
    last = len(bins) - 1
    return [
        sum(one.low <= v < one.high or (place == last and v == one.high) for v in values)
        for place, one in enumerate(bins)
    ]


@given(st.lists(floats, min_size=1, max_size=50))
@example([-1e308, 1e308])
@example([-1.7976931348623157e308, 1.7976931348623157e308, 0.5])
@example([0.0, 5e-324])
@example([2.0**53, 2.0**53 + 2])
@example([0.5])
def test_every_finite_number_is_counted_in_its_bin(values: list[float]) -> None:
    bins = bins_of(np.array(values))
    assert 1 <= len(bins) <= MAX_BINS
    assert [one.count for one in bins] == held(bins, values)
    assert sum(one.count for one in bins) == len(values)
    assert all(one.high == other.low for one, other in pairwise(bins))
    assert np.isfinite([[one.low, one.high] for one in bins]).all()


@given(st.lists(integers, min_size=1, max_size=50))
@example([-(2**63), 2**63 - 1])
@example([2**53, 2**53 + 1])
@example([1_700_000_000_000_000_000, 1_700_000_000_000_000_001])
def test_every_integer_of_64_bits_is_counted_in_its_bin(values: list[int]) -> None:
    bins = bins_of(np.array(values, dtype=np.int64))
    assert 1 <= len(bins) <= MAX_BINS
    assert [one.count for one in bins] == held(bins, values)
    assert sum(one.count for one in bins) == len(values)
    assert {one.high - one.low for one in bins} == {bins[0].high - bins[0].low}
    assert all(one.high == other.low for one, other in pairwise(bins))


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_bins_of_whole_numbers_are_of_whole_width(kind: type) -> None:
    # From 1990 to 2030 are 41 years: 20 bins of 3 years would do, 14 are needed.
    bins = bins_of(np.array([1990, 1992, 1993, 2030], dtype=kind))
    assert (bins[0], bins[1], bins[-1]) == (
        Bin(1990, 1993, 2), Bin(1993, 1996, 1), Bin(2029, 2032, 1)
    )  # fmt: skip
    assert len(bins) == 14


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_skewed_numbers_have_bins_that_grow(kind: type) -> None:
    # 990 of 1,000 prices lie in the first of 20 equal bins up to 10,000
    cheap = [*range(5, 500), *range(5, 500)]
    prices = np.array([*cheap, *range(1000, 11_000, 1000)], dtype=kind)
    equal = bins_of(prices)
    assert equal[0].count > 0.9 * len(prices)
    bins = growing_bins(prices)
    assert [one.count for one in bins] == held(bins, prices.tolist())
    assert sum(one.count for one in bins) == len(prices)
    assert max(one.count for one in bins) < 0.5 * len(prices)
    widths = [one.high - one.low for one in bins[1:-1]]
    assert all(wider >= width * 0.9 for width, wider in pairwise(widths))


@given(st.lists(st.floats(0, 1e308), min_size=1, max_size=50))
@example([0.0, 1e308])
@example([5e-324, 1e-300, 1e308])
@example([0.0])
def test_growing_bins_hold_every_number_once(values: list[float]) -> None:
    bins = growing_bins(np.array(values))
    if bins:  # where there is anything to grow over
        assert [one.count for one in bins] == held(bins, values)
        assert sum(one.count for one in bins) == len(values)
        assert len(bins) <= MAX_BINS


def test_integers_that_floats_cannot_tell_apart_have_equal_bins() -> None:
    assert growing_bins(np.array([1, 2**53 + 1])) == []


def moments(*texts: str) -> np.ndarray:
    return np.array([moment_of(text)[0] for text in texts], dtype=np.int64)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2024-05-01", "2024-05-01T23:59:59Z", "2024-05-03"],
         [("2024-05-01", "2024-05-02", 2), ("2024-05-02", "2024-05-03", 0),
          ("2024-05-03", "2024-05-04", 1)]),
        (["2024-01-31", "2024-04-01"],
         [("2024-01-01", "2024-02-01", 1), ("2024-04-01", "2024-05-01", 1)]),
        (["2023-11-30", "2024-11-01"],
         [("2023-11-01", "2023-12-01", 1), ("2024-11-01", "2024-12-01", 1)]),
        (["1895-12-28", "2024-02-29"],
         [("1895-01-01", "1902-01-01", 1), ("2021-01-01", "2028-01-01", 1)]),
        (["0001-01-01", "9999-12-31"],
         [("0001-01-01", "0501-01-01", 1), ("9501-01-01", "9999-12-31", 1)]),
        (["1969-12-31T23:00:00Z"], [("1969-12-31", "1970-01-01", 1)]),
    ],
)  # fmt: skip
def test_times_lie_in_days_months_or_years(
    times: list[str], expected: list[tuple[str, str, int]]
) -> None:
    bins = time_bins(moments(*times))
    found = [(one.low, one.high, one.count) for one in bins]
    assert len(bins) <= MAX_BINS and sum(one.count for one in bins) == len(times)
    assert set(expected) <= set(found)


@given(st.lists(st.integers(FIRST, LAST), min_size=1, max_size=30))
def test_every_time_is_counted_once_in_bins_that_join(times: list[int]) -> None:
    bins = time_bins(np.array(times))
    assert 1 <= len(bins) <= MAX_BINS and sum(one.count for one in bins) == len(times)
    assert all(one.high == other.low for one, other in pairwise(bins))
    for one in bins[:-1]:
        low, high = (moment_of(bound)[0] for bound in (one.low, one.high))
        assert sum(low <= moment < high for moment in times) == one.count
