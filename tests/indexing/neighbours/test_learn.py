"""Both kinds of neighbours by every model, and which model `auto` comes to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from indexing.neighbours.learn import CO_LIKED_PER_ITEM, Settings, learn_neighbours
from indexing.neighbours.likes import Likes, read_likes
from indexing.neighbours.models import Model, choose
from shortlist.bundle.arrays import Csr


@pytest.fixture(scope="module")
def likes() -> Likes:
    """Two circles of friends: even users like rows 0 to 9, odd ones 10 to 19; 20 is cold."""
    pairs = [
        (user, item + 10 * (user % 2))
        for user in range(20)
        for item in range(10)
        if (3 * user + item) % 4
    ]
    table = pd.DataFrame(pairs, columns=["user", "row"]).assign(value=5.0)
    ids = pd.Series([f"film {row:02d}" for row in range(21)])
    return read_likes(table.assign(user=table["user"].astype("str")), ids, liked_from=4.0)


def strongest_of(lists: Csr, row: int) -> set[int]:
    here = slice(lists.offsets[row], lists.offsets[row + 1])
    assert lists.weights is not None
    positive = lists.weights[here] > 0
    return set(lists.indices[here][positive].tolist())


@pytest.mark.parametrize("model", [Model.EASE, Model.COSINE])
def test_neighbours_are_of_the_same_circle(likes: Likes, model: Model) -> None:
    learnt = learn_neighbours(
        likes, n_items=21, model=model, settings=Settings(regularisation=1.0), quiet=True
    )
    assert learnt is not None
    assert learnt.model is model
    for row in range(20):
        circle = set(range(10)) if row < 10 else set(range(10, 20))
        for lists in (learnt.neighbours.collaborative, learnt.neighbours.co_liked):
            assert strongest_of(lists, row)
            assert strongest_of(lists, row) <= circle - {row}
    assert learnt.neighbours.knows(np.array([0, 19, 20])).tolist() == [True, True, False]


def test_an_item_costs_less_than_a_kilobyte() -> None:
    pairs = 6 * (Settings().per_item + CO_LIKED_PER_ITEM)
    assert pairs + 2 * 8 <= 1024


def test_without_a_pair_of_likes_there_are_no_neighbours(likes: Likes) -> None:
    table = pd.DataFrame({"row": [0, 1], "user": ["a", "b"], "value": [5.0, 5.0]})
    alone = read_likes(table, pd.Series([1, 2]), liked_from=4.0)
    assert learn_neighbours(alone, n_items=2, quiet=True) is None
    nobody = read_likes(table, pd.Series([1, 2]), liked_from=6.0)
    assert learn_neighbours(nobody, n_items=2, quiet=True) is None
    assert learn_neighbours(likes, n_items=21, model=Model.NONE, quiet=True) is None


def test_auto_takes_ease_while_it_is_affordable() -> None:
    assert choose(Model.AUTO, n_users=610, n_items=9_742) is Model.EASE
    assert choose(Model.AUTO, n_users=1_000_000, n_items=10_000) is Model.EASE
    assert choose(Model.AUTO, n_users=100_000, n_items=60_000) is Model.COSINE
    assert choose(Model.EASE, n_users=100_000, n_items=60_000) is Model.EASE
