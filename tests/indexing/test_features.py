"""Numbers known of every item."""

from __future__ import annotations

import math

import numpy as np
import pytest

from indexing.features import (
    largest_columns,
    most_rated,
    nearest_means,
    rating_percentile,
    rating_volume,
    recency,
)


def test_volume_is_logarithmic_and_reaches_1() -> None:
    volume = rating_volume(np.array([0, 9, 99], dtype=np.int32))
    assert volume.tolist() == pytest.approx([0, math.log(10) / math.log(100), 1])
    assert rating_volume(np.zeros(3, np.int32)).tolist() == [0, 0, 0]


def test_a_percentile_is_the_share_with_fewer_ratings() -> None:
    assert rating_percentile(np.array([0, 5, 5, 7], np.int32)).tolist() == [0, 0.25, 0.25, 0.75]


def test_recency_halves_with_every_half_life() -> None:
    values = recency(np.array([2020.0, 2010.0, 2000.0]), half_life=10)
    assert values.tolist() == [1, 0.5, 0.25]


def test_an_unknown_year_has_the_mean_recency() -> None:
    assert recency(np.array([2020.0, np.nan, 2010.0]), half_life=10).tolist() == [1, 0.75, 0.5]
    assert recency(np.array([np.nan]), half_life=10).tolist() == [1]


def test_the_most_rated_come_first_and_unrated_not_at_all() -> None:
    assert most_rated(np.array([3, 0, 9, 3], np.int32), limit=10).tolist() == [2, 0, 3]
    assert most_rated(np.array([3, 0, 9, 3], np.int32), limit=1).tolist() == [2]


def test_neighbours_are_weighed_by_similarity() -> None:
    # cosines of the wanted row to the known ones: 1 and 0.6; weights 1 : 0.6
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8]], dtype=np.float32)
    found = nearest_means(vectors, np.array([0]), np.array([1, 2]), np.array([[1.0], [0.2]]))
    assert found.tolist() == [[pytest.approx((1 + 0.6 * 0.2) / 1.6)]]


def test_a_dissimilar_neighbour_counts_nothing_beside_a_similar_one() -> None:
    vectors = np.array([[1, 0], [1, 0], [-1, 0]], dtype=np.float32)
    found = nearest_means(vectors, np.array([0]), np.array([1, 2]), np.array([[1.0], [0.0]]))
    assert found[0, 0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("n_columns", [5, 31, 32, 33, 70, 500, 1000, 4001])
@pytest.mark.parametrize("n", [1, 5])
def test_the_largest_columns_are_those_of_sorting(n_columns: int, n: int) -> None:
    scores = np.random.default_rng(n_columns).permuted(
        np.tile(np.arange(n_columns, dtype=np.float32), (7, 1)), axis=1
    )
    found = np.sort(largest_columns(scores, n), axis=1)
    expected = np.sort(np.argsort(-scores, axis=1)[:, :n], axis=1)
    np.testing.assert_array_equal(found, expected)
