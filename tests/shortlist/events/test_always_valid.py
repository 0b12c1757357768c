"""Intervals that hold at every look: their width, and how often they are wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shortlist.events.always_valid import LEVEL, PLANNED, information_for, margin, p_value


def test_the_width_is_that_of_the_normal_mixture() -> None:
    # n = 400 wins and losses: V = n, ρ = 1000 / (2 ln 20 + ln(1 + 2 ln 20)) = 1000 / 7.936 = 126.0
    # √((400 + 126) · ln((400 + 126) / (126 · 0.05²))) / 400 = √(526 · 7.4204) / 400 = 0.1562
    assert float(margin(np.array(1 / math.sqrt(400)))) == pytest.approx(0.1562, abs=1e-4)


def test_it_is_narrowest_against_one_look_as_planned() -> None:
    information = np.array([PLANNED / 8, PLANNED / 2, PLANNED, PLANNED * 2, PLANNED * 8])
    times = margin(information**-0.5) * information**0.5 / 1.96
    assert int(times.argmin()) == 2
    assert times[2] == pytest.approx(1.55, abs=0.01)


def test_nothing_known_is_an_infinite_width() -> None:
    assert margin(np.array([0.0, np.nan, np.inf])).tolist() == [np.inf] * 3
    assert (p_value(1.0, 0.0), p_value(1.0, math.nan)) == (1.0, 1.0)


def test_p_is_the_level_at_which_the_interval_just_leaves_zero_out() -> None:
    error = 0.05
    edge = float(margin(np.array(error)))
    assert p_value(edge, error) == pytest.approx(1 - LEVEL, rel=1e-9)
    assert p_value(0.0, error) == 1.0
    assert p_value(2 * edge, error) < 1 - LEVEL < p_value(edge / 2, error)


def test_information_for_a_difference_makes_the_interval_so_narrow() -> None:
    for difference in (0.02, 0.1, 0.3):
        information = information_for(difference)
        assert float(margin(np.array(information**-0.5))) == pytest.approx(difference, rel=0.01)


def test_who_looks_after_every_observation_is_hardly_ever_wrong() -> None:
    """2,000 sequences of 5,000 fair coins; an interval of one look is wrong on most of them."""
    rng = np.random.default_rng(1)
    n = np.arange(1, 5001)
    wrong = once = 0
    for _ in range(2000):
        mean = np.cumsum(rng.integers(0, 2, 5000) * 2 - 1) / n
        error = 1 / np.sqrt(n)
        wrong += bool((np.abs(mean) > margin(error)).any())
        once += bool((np.abs(mean[100:]) > 1.96 * error[100:]).any())
    assert wrong / 2000 < 0.05
    assert once / 2000 > 0.3
