"""Numbers known of every item."""

from __future__ import annotations

import math

import numpy as np
import pytest

from indexing.features import (
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


@pytest.mark.parametrize("n_known", [1, 5, 30, 31, 400])
def test_the_nearest_30_of_those_that_are_known_count(n_known: int) -> None:
    rng = np.random.default_rng(n_known)
    vectors = rng.standard_normal((n_known + 50, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known, wanted = np.arange(n_known), np.arange(n_known, n_known + 50)
    values = rng.random((n_known, 2))
    found = nearest_means(vectors, wanted, known, values)
    for row, one in enumerate(wanted):
        similarities = (vectors[known] @ vectors[one]).astype(np.float64)
        nearest = np.argsort(-similarities)[:30]
        weights = np.maximum(similarities[nearest], 1e-9)
        expected = weights @ values[nearest] / weights.sum()
        np.testing.assert_allclose(found[row], expected, rtol=1e-5)
