"""Cosines of what is liked together: as worked out by hand, and as the library that others use."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from indexing.measure.item_knn import item_knn
from indexing.neighbours import lists
from indexing.neighbours.cosine import cosine

LIKES = sparse.csr_matrix(
    np.array([[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0.5, 0, 0], [0, 0, 0, 1, 0]], np.float32)
)


def whole(likes: sparse.csr_matrix, per_item: int) -> np.ndarray:
    done = []
    blocks = list(cosine(likes, per_item=per_item, on_progress=done.append))
    assert sum(done) == likes.shape[1]
    return sparse.vstack(blocks).toarray()


def test_it_is_the_cosine_of_two_columns() -> None:
    found = whole(LIKES, 9)
    # items 0 and 1: both liked by 2 people, of 3 and 2: 2 / √(3 · 2)
    assert found[0, 1] == found[1, 0] == pytest.approx(2 / 6**0.5)
    # half a like is half as long: 1 · 0.5 / (√3 · 0.5)
    assert found[0, 2] == pytest.approx(1 / 3**0.5)
    assert not found[3].any(), "nobody likes it beside another"
    assert not found[4].any(), "nobody likes it"
    assert not np.diag(found).any()


def test_an_item_keeps_the_largest() -> None:
    assert whole(LIKES, 1)[0].nonzero()[0].tolist() == [1]


@pytest.mark.parametrize("block_items", [7, 1024])
def test_it_finds_what_the_library_finds(monkeypatch: pytest.MonkeyPatch, block_items: int) -> None:
    monkeypatch.setattr(lists, "_BLOCK_ITEMS", block_items)
    rng = np.random.default_rng(5)
    dense = np.where(rng.random((60, 40)) < 0.2, rng.random((60, 40)), 0).astype(np.float32)
    likes = sparse.csr_matrix(dense)
    expected = item_knn(likes, n_neighbours=6).toarray()
    np.testing.assert_allclose(whole(likes, 6), expected, atol=1e-6)
