"""The weighted rating, by hand and in general."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.job import build
from indexing.popularity import Popularity, weighted_ratings
from shortlist.bundle.reader import open_bundle

Films = Callable[..., Path]


def popularity(
    *ratings: tuple[int, float], n_items: int, highest: float = 5.0, quantile: float = 0.9
) -> Popularity:
    table = pd.DataFrame(ratings, columns=["row", "value"]).astype(
        {"row": np.int64, "value": np.float64}
    )
    return weighted_ratings(table, n_items, highest=highest, prior_quantile=quantile)


EXAMPLE = ((0, 5.0), (0, 4.0), (0, 4.5), (1, 2.0), (2, 3.5))


def test_an_example_computed_by_hand() -> None:
    result = popularity(*EXAMPLE, n_items=5)
    # Means 4.5, 2 and 3.5, so C = 10/3. Counts 1, 1, 3: their 0.9 quantile lies 0.8 of the way
    # from 1 to 3, so m = 2.6.
    assert result.prior_mean == pytest.approx(10 / 3)
    assert result.prior_count == pytest.approx(2.6)
    assert result.columns.rating_count.tolist() == [3, 1, 1, 0, 0]
    np.testing.assert_array_equal(result.columns.mean_rating, [4.5, 2.0, 3.5, np.nan, np.nan])
    expected = [
        (3 * 4.5 + 2.6 * 10 / 3) / 5.6 / 5,  # 0.791667
        (1 * 2.0 + 2.6 * 10 / 3) / 3.6 / 5,  # 0.592593
        (1 * 3.5 + 2.6 * 10 / 3) / 3.6 / 5,  # 0.675926
        10 / 3 / 5,  # a cold item gets C
        10 / 3 / 5,
    ]
    np.testing.assert_allclose(result.columns.popularity_score, expected, rtol=1e-12)


def test_the_published_columns_are_those_of_the_example(films: Films, tmp_path: Path) -> None:
    # The films of the shared fixture have the ratings of the example above.
    report = build(films(), tmp_path / "artifacts")
    info = report.manifest.popularity
    assert info is not None
    assert info.prior_mean == pytest.approx(10 / 3)
    assert info.prior_count == pytest.approx(2.6)
    assert (info.prior_quantile, info.scale) == (0.9, (0.5, 5.0))
    columns = open_bundle(tmp_path / "artifacts" / report.version).items.popularity
    assert columns is not None
    assert columns.rating_count.tolist() == [3, 1, 1, 0, 0]
    np.testing.assert_array_equal(columns.mean_rating, [4.5, 2.0, 3.5, np.nan, np.nan])
    np.testing.assert_allclose(
        columns.popularity_score, [0.791667, 0.592593, 0.675926, 0.666667, 0.666667], atol=5e-7
    )


def test_a_quantile_of_0_takes_the_smallest_count_as_prior() -> None:
    result = popularity(*EXAMPLE, n_items=3, quantile=0.0)
    assert result.prior_count == 1
    # (3 * 4.5 + 1 * 10/3) / 4 / 5
    assert result.columns.popularity_score[0] == pytest.approx(101 / 120)


def test_without_ratings_every_score_is_0() -> None:
    result = popularity(n_items=2)
    assert (result.prior_mean, result.prior_count) == (0.0, 0.0)
    assert result.columns.popularity_score.tolist() == [0.0, 0.0]
    assert result.columns.rating_count.tolist() == [0, 0]
    assert result.columns.mean_rating.tolist() == pytest.approx([np.nan] * 2, nan_ok=True)


@pytest.mark.parametrize("highest", [3.0, 4.5, 6.0, 7.0, 9.0])
def test_items_that_everybody_rates_highest_score_1_and_never_more(highest: float) -> None:
    ratings = [(row, highest) for row in (0, 0, 0, 0, 0, 1, 1)]
    scores = popularity(*ratings, n_items=2, highest=highest).columns.popularity_score
    assert scores.max() <= 1  # (5 * 3 + 4.7 * 3) / 9.7 / 3 is 1.0000000000000002
    assert scores.tolist() == pytest.approx([1, 1])


def test_the_order_of_the_ratings_is_irrelevant() -> None:
    forwards, backwards = popularity(*EXAMPLE, n_items=5), popularity(*EXAMPLE[::-1], n_items=5)
    np.testing.assert_allclose(
        forwards.columns.popularity_score, backwards.columns.popularity_score, rtol=1e-15
    )


N_ITEMS = 4
highests = st.floats(0.1, 100)
fractions = st.lists(st.tuples(st.integers(0, N_ITEMS - 1), st.floats(0, 1)), max_size=20)
quantiles = st.floats(0, 1)


@given(fractions, highests, quantiles)
def test_a_score_is_between_0_and_1_and_between_the_items_mean_and_c(
    shares: list[tuple[int, float]], highest: float, quantile: float
) -> None:
    ratings = [(row, min(share * highest, highest)) for row, share in shares]
    result = popularity(*ratings, n_items=N_ITEMS, highest=highest, quantile=quantile)
    scores = result.columns.popularity_score
    assert np.all((scores >= 0) & (scores <= 1))
    mean = np.nan_to_num(result.columns.mean_rating, nan=result.prior_mean)
    low, high = np.minimum(mean, result.prior_mean), np.maximum(mean, result.prior_mean)
    assert np.all(scores * highest >= low - 1e-9 * highest)
    assert np.all(scores * highest <= high + 1e-9 * highest)


@given(fractions, st.floats(0, 1), st.floats(0, 1))
def test_of_two_items_with_equal_counts_the_better_rated_never_scores_less(
    shares: list[tuple[int, float]], one: float, other: float
) -> None:
    others = [(row + 2, share) for row, share in shares]
    result = popularity((0, one), (1, other), *others, n_items=N_ITEMS + 2, highest=1.0)
    first, second = result.columns.popularity_score[:2]
    if one >= other:
        assert first >= second - 1e-12
    else:
        assert first <= second + 1e-12


@given(st.integers(1, 20), st.integers(1, 20))
def test_more_ratings_of_the_same_value_move_a_score_away_from_c(few: int, more: int) -> None:
    # Items 0 and 1 are rated 1.0, item 2 is rated 0.0: C = 2/3 of the scale.
    ratings = [(0, 1.0)] * few + [(1, 1.0)] * (few + more) + [(2, 0.0)]
    scores = popularity(*ratings, n_items=3, highest=1.0).columns.popularity_score
    assert 2 / 3 < scores[0] < scores[1] <= 1
