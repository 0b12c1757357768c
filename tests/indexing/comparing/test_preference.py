"""What is concluded of wins and clicks, and when it is not enough."""

from __future__ import annotations

import numpy as np
import pytest

from indexing.comparing.preference import (
    Verdict,
    difference_of_means,
    n_decided_for,
    preference,
    share_of_wins,
)


def verdict_of(wins: int, losses: int, *, n_people: int | None = None) -> Verdict:
    won = np.random.default_rng(3).permutation(np.repeat([1.0, -1.0], [wins, losses]))
    people = np.arange(len(won)) % (n_people or len(won))
    found = preference(share_of_wins(won, people))
    assert found is not None
    return found.verdict


def test_a_clear_preference_is_told_of_either_side() -> None:
    # 300 decided: ± 0.177 / 2 around the share, and 0.65 - 0.089 > 0.5
    assert verdict_of(195, 105) is Verdict.CANDIDATE
    assert verdict_of(105, 195) is Verdict.CONTROL


def test_a_small_preference_of_few_is_not_told() -> None:
    assert verdict_of(160, 140) is Verdict.UNDECIDED


@pytest.mark.parametrize(("n", "n_people"), [(49, 49), (300, 29), (1, 1)])
def test_too_few_searches_or_people_say_nothing_however_clear(n: int, n_people: int) -> None:
    assert verdict_of(n, 0, n_people=n_people) is Verdict.TOO_LITTLE


def test_what_few_people_say_again_and_again_counts_as_theirs() -> None:
    """60 people with five lists each: 39 always prefer the candidate, 21 the control."""
    won = np.repeat(np.where(np.arange(60) < 39, 1.0, -1.0), 5)
    people = np.repeat(np.arange(60), 5)
    order = np.random.default_rng(5).permutation(300)
    found = preference(share_of_wins(won[order], people[order]))
    assert found is not None
    assert (found.estimate, found.verdict) == (pytest.approx(0.65), Verdict.UNDECIDED)


def test_an_interval_and_a_p_agree_and_lie_within_their_range() -> None:
    for wins in range(100, 201, 5):
        won = np.repeat([1.0, -1.0], [wins, 300 - wins])
        found = preference(share_of_wins(won, np.arange(300)))
        assert found is not None
        assert 0 <= found.low <= found.estimate <= found.high <= 1
        assert (found.p_value < 0.05) == (not found.low <= 0.5 <= found.high)


def test_shares_apart_are_compared_side_by_side() -> None:
    rng = np.random.default_rng(7)
    is_candidate = rng.random(4000) < 0.5
    values = (rng.random(4000) < np.where(is_candidate, 0.5, 0.4)).astype(float)
    found = preference(difference_of_means(values, np.arange(4000), is_candidate))
    assert found is not None
    own, other = values[is_candidate].mean(), values[~is_candidate].mean()
    assert found.estimate == pytest.approx(own - other)
    # √(0.25 / 2000 + 0.24 / 2000) = 0.0157; its information, 4,081, is four times what is planned
    assert (found.high - found.low) / 2 == pytest.approx(3.14 * 0.0157, rel=0.02)
    assert found.verdict is Verdict.CANDIDATE


@pytest.mark.parametrize("n", [0, 5])
def test_a_side_that_nobody_saw_is_compared_with_nothing(n: int) -> None:
    path = difference_of_means(np.ones(n), np.arange(n), np.ones(n, np.bool_))
    assert preference(path) is None
    assert not path.for_candidate.any()
    assert preference(share_of_wins(np.empty(0), np.empty(0, np.int64))) is None


def test_sides_that_are_all_clicks_or_none_have_an_error_too() -> None:
    is_candidate = np.arange(60) % 2 == 1
    found = preference(difference_of_means(np.zeros(60), np.arange(60), is_candidate))
    assert found is not None
    assert found.low < 0 < found.high


def test_how_many_lists_tell_a_difference() -> None:
    n = n_decided_for(0.05)
    won = np.repeat([1.0, -1.0], [round(0.56 * n), n - round(0.56 * n)])
    found = preference(share_of_wins(won, np.arange(n)))
    assert found is not None
    assert found.high - found.estimate == pytest.approx(0.05, rel=0.02)
