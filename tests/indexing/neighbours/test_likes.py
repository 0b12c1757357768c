"""Ratings as likes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from indexing.neighbours.likes import default_liked_from, latest_ratings, read_likes

IDS = pd.Series([30, 10, 20, 40])
RATINGS = pd.DataFrame(
    {
        "row": [0, 1, 0, 2, 1, 3],
        "user": ["a", "a", "b", "b", "c", "d"],
        "value": [5.0, 4.0, 4.5, 4.0, 4.0, 3.5],
    }
)


def test_columns_are_in_the_order_of_ids_and_only_of_liked_items() -> None:
    likes = read_likes(RATINGS, IDS, liked_from=4.0)
    assert likes.ids == ("10", "20", "30")
    assert likes.rows.tolist() == [1, 2, 0]
    assert likes.matrix.toarray().tolist() == [[1, 0, 1], [0, 1, 1], [1, 0, 0]]


def test_the_latest_of_several_ratings_counts() -> None:
    twice = pd.DataFrame({"row": [0, 0], "user": ["a", "a"], "value": [5.0, 1.0]})
    assert read_likes(twice, IDS, liked_from=4.0).matrix.nnz == 0
    dated = twice.assign(time=["10", "9"])
    assert read_likes(dated, IDS, liked_from=4.0).matrix.nnz == 1


def test_ratings_without_a_user_or_a_time() -> None:
    nobody = pd.DataFrame({"row": [0, 1], "user": ["", ""], "value": [5.0, 5.0]})
    assert read_likes(nobody, IDS, liked_from=4.0).matrix.nnz == 0
    table = RATINGS.iloc[:3].assign(time=["100", "", "9"])
    assert latest_ratings(table)["time"].tolist() == ["", "9", "100"]


def test_times_compare_as_numbers_or_as_text() -> None:
    table = RATINGS.iloc[:3].assign(time=["100", "20", "3"])
    assert latest_ratings(table)["time"].tolist() == ["3", "20", "100"]
    iso = RATINGS.iloc[:3].assign(time=["2020-01-02", "2019-05-05", "2020-01-01"])
    assert latest_ratings(iso)["time"].tolist() == ["2019-05-05", "2020-01-01", "2020-01-02"]


def test_the_digest_knows_likes_and_not_where_items_stand() -> None:
    digest = read_likes(RATINGS, IDS, liked_from=4.0).digest()
    moved_ids = pd.Series([99, 20, 30, 10])
    moved = RATINGS.assign(row=[2, 3, 2, 1, 3, 0])
    assert read_likes(moved, moved_ids, liked_from=4.0).digest() == digest
    assert read_likes(RATINGS[::-1], IDS, liked_from=4.0).digest() == digest
    assert read_likes(RATINGS.iloc[1:], IDS, liked_from=4.0).digest() != digest
    assert read_likes(RATINGS, IDS, liked_from=3.0).digest() != digest


def test_nobody_likes_anything() -> None:
    likes = read_likes(RATINGS, IDS, liked_from=6.0)
    assert likes.matrix.shape == (0, 0)
    assert likes.ids == ()


@pytest.mark.parametrize(("scale", "expected"), [((1, 5), 4.0), ((0, 1), 0.75), ((1, 10), 7.75)])
def test_a_like_begins_three_quarters_up_the_scale(
    scale: tuple[float, float], expected: float
) -> None:
    assert default_liked_from(scale) == expected


@pytest.mark.parametrize("unliked", [0.0, 0.3, 1.0])
def test_likes_weighed_anew_are_those_read_so(unliked: float) -> None:
    table = pd.concat([RATINGS, RATINGS.assign(user="e", value=2.0)])
    found = read_likes(table, IDS, liked_from=4.0, unliked=1.0).weighed(unliked)
    expected = read_likes(table, IDS, liked_from=4.0, unliked=unliked)
    assert found.ids == expected.ids
    assert found.rows.tolist() == expected.rows.tolist()
    assert found.digest() == expected.digest()
    assert found.matrix.dtype == expected.matrix.dtype
    assert found.matrix.toarray().tolist() == expected.matrix.toarray().tolist()
    assert found.liked.toarray().tolist() == expected.liked.toarray().tolist()


def test_events_weigh_likes_less_and_add_weak_ones() -> None:
    rated = RATINGS.assign(weight=1.0)
    rated.loc[rated.index[0], "weight"] = 0.25
    first = rated.iloc[0]
    assert first["value"] >= 4.0
    weak = pd.DataFrame(
        {
            "row": [int(first["row"]), 2, 1],
            "user": [first["user"], "somebody new", "somebody new"],
            "weight": [0.9, 0.2, 0.1],
        }
    )
    plain = read_likes(RATINGS, IDS, liked_from=4.0)
    found = read_likes(rated, IDS, liked_from=4.0, unliked=1.0, weak=weak).weighed(0.0)
    # a like from an event counts a quarter, whatever else its user did with the item
    assert found.liked.nnz == plain.liked.nnz
    weights = sorted(found.matrix.data.tolist())
    expected = sorted([0.25, *[1.0] * (plain.liked.nnz - 1), 0.2, 0.1])
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert found.digest() != plain.digest()
