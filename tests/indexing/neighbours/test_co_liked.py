"""Shares of those who like one item that like another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from indexing.neighbours import lists
from indexing.neighbours.co_liked import co_liked

LIKES = sparse.csr_matrix(
    np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float32)
)


def shares(per_item: int) -> np.ndarray:
    done = []
    blocks = co_liked(LIKES, per_item=per_item, on_progress=done.append)
    found = sparse.vstack(list(blocks)).toarray()
    assert sum(done) == 4
    return found


def test_the_share_is_drawn_towards_that_of_all() -> None:
    # of 3 who like item 0, 2 like item 1; of all 4 users 2 do: (2 + 3·0.5) / (3 + 3)
    assert shares(9)[0, 1] == pytest.approx(3.5 / 6)
    # of 2 who like item 1, both like item 0, which 3 of 4 like: (2 + 3·0.75) / (2 + 3)
    assert shares(9)[1, 0] == pytest.approx(4.25 / 5)


def test_a_pair_that_nobody_likes_both_of_is_no_neighbour() -> None:
    found = shares(9)
    assert found[1, 2] == found[0, 3] == 0
    assert not found[3].any()
    assert not np.diag(found).any()


def test_each_item_keeps_the_largest() -> None:
    # of those who like item 0, 2 of 3 like item 1 and 1 of 3 item 2
    assert shares(1)[0].nonzero()[0].tolist() == [1]


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shares(9)
    monkeypatch.setattr(lists, "_BLOCK_ITEMS", 3)
    assert np.array_equal(shares(9), whole)
