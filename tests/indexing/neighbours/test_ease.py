"""EASE against its definition, in the form for few users and in that for few items."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from indexing.neighbours import ease
from indexing.neighbours.ease import Ease


def by_definition(likes: np.ndarray, regularisation: float) -> np.ndarray:
    inverse = np.linalg.inv(likes.T @ likes + regularisation * np.eye(likes.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


@pytest.mark.parametrize(("n_users", "n_items"), [(7, 30), (60, 12), (20, 20), (1, 5)])
@pytest.mark.parametrize("regularisation", [0.5, 100.0])
def test_the_weights_are_those_of_the_inverse(
    n_users: int, n_items: int, regularisation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ease, "BLOCK_VALUES", 5 * n_items)
    likes = (np.random.default_rng(n_users).random((n_users, n_items)) < 0.3).astype(np.float32)
    fitted = Ease(sparse.csr_matrix(likes), regularisation=regularisation)
    blocks = list(fitted.blocks())
    assert [len(block) for block in blocks[:-1]] == [5] * (len(blocks) - 1)
    expected = by_definition(likes.astype(float), regularisation)
    assert np.allclose(np.concatenate(blocks), expected, atol=1e-5)
    for columns in ([], [2], [4, 0, 3]):
        sums = fitted.sums(np.array(columns, dtype=np.int64))
        assert np.allclose(sums, expected[columns].sum(axis=0), atol=1e-5)


def test_what_is_always_liked_together_speaks_for_each_other() -> None:
    # items 0 and 1 by the same two users, 2 by another one: P of the pair's block is
    # [[3, 2], [2, 3]]^-1 = [[3, -2], [-2, 3]] / 5 with regularisation 1, so B = 2/3
    likes = sparse.csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=np.float32))
    (weights,) = Ease(likes, regularisation=1.0).blocks()
    assert np.allclose(weights, [[0, 2 / 3, 0], [2 / 3, 0, 0], [0, 0, 0]], atol=1e-6)
