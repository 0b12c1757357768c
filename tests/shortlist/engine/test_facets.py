"""Histograms of any numbers: every known value counted once, where it lies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shortlist.engine.bins import MAX_BINS, Bin, bins_of

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
