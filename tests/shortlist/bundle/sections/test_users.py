"""The users section: found by key, mapped as written, and refused where it does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from indexing.users import at_rows, users_of
from shortlist.bundle.sections import users as section
from shortlist.bundle.sections.users import Users, read_users, write_users
from shortlist.errors import BundleCorrupt

RATINGS = pd.DataFrame(
    {
        "row": [2, 0, 1, 2, 0],
        "user": ["ann", "ben", "ann", "ann", ""],
        "value": [1.0, 5.0, 3.6, 4.0, 2.0],
        "time": ["10", "11", "12", "13", "14"],
    }
)


def rated(users: Users, key: str) -> list[tuple[int, float]]:
    rows, ratings = users.of(key)
    return list(zip(rows.tolist(), ratings.tolist(), strict=True))


def test_a_user_has_the_latest_rating_of_each_item_earliest_first() -> None:
    users = users_of(RATINGS)
    assert rated(users, "ann") == [(1, 3.6), (2, 4.0)]  # 2 was rated again, behind 1
    assert rated(users, "ben") == [(0, 5.0)]


@pytest.mark.parametrize("key", ["", "nobody", "an", "ann "])
def test_who_rated_nothing_has_nothing(key: str) -> None:
    assert rated(users_of(RATINGS), key) == []
    assert rated(users_of(RATINGS.iloc[:0]), key) == []


def test_of_many_ratings_the_newest_are_kept() -> None:
    many = pd.DataFrame({"row": range(9), "user": ["ann"] * 5 + ["ben"] * 4, "value": 1.0})
    users = users_of(many, newest=3)
    assert [row for row, _ in rated(users, "ann")] == [2, 3, 4]
    assert [row for row, _ in rated(users, "ben")] == [6, 7, 8]


def test_ratings_move_with_their_items_and_go_with_them() -> None:
    users = at_rows(users_of(RATINGS), np.array([5, -1, 0]))
    assert rated(users, "ann") == [(0, 4.0)]
    assert rated(users, "ben") == [(5, 5.0)]


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    write_users(tmp_path, users_of(RATINGS))
    users = read_users(tmp_path, n_items=3)
    assert rated(users, "ann") == [(1, 3.6), (2, 4.0)]
    assert len(users.keys) == 2


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        (section.KEYS, np.array([b"b", b"a"], "S16"), "expected rising values"),
        (section.KEYS, np.array([b"a", b"a"], "S16"), "expected rising values"),
        (section.OFFSETS, np.array([0, 2]), "expected 3 rising offsets"),
        (section.OFFSETS, np.array([0, 4, 3]), "expected rising values"),
        (section.ROWS, np.array([1, 2, 3], np.int32), "expected 0 to 2, found 3"),
        (section.ROWS, np.array([-1, 2, 0], np.int32), "expected 0 to 2, found -1"),
        (section.RATINGS, np.array([1.0, np.nan, 2.0]), "expected 0 to"),
        (section.RATINGS, np.array([1.0, 2.0]), "expected 3 ratings, found 2"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, name: str, values: np.ndarray, said: str
) -> None:
    write_users(tmp_path, users_of(RATINGS))
    np.save(tmp_path / name, values)
    with pytest.raises(BundleCorrupt, match=said):
        read_users(tmp_path, n_items=3)
