"""The nearest rows by comparing one and all."""

from __future__ import annotations

import numpy as np
import pytest

from indexing.nearest import nearest_rows


@pytest.mark.parametrize("n_queries", [1, 3, 40])
@pytest.mark.parametrize("block", [3, 7, 200, 1000])
@pytest.mark.parametrize("depth", [1, 10, 200])
def test_they_are_those_of_sorting_whatever_the_blocks(
    n_queries: int, block: int, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(n_queries)
    vectors = rng.normal(size=(200, 8)).astype(np.float32)
    queries = rng.normal(size=(n_queries, 8)).astype(np.float32)
    scores = queries.astype(np.float64) @ vectors.T
    monkeypatch.setattr("indexing.nearest._BLOCK_ROWS", block)
    similarities, rows = nearest_rows(queries, vectors, depth)
    np.testing.assert_array_equal(rows, np.argsort(-scores, axis=1)[:, :depth])
    np.testing.assert_allclose(similarities, -np.sort(-scores, axis=1)[:, :depth], atol=1e-5)


def test_rows_without_an_order_in_memory_are_asked_too() -> None:
    vectors = np.asfortranarray(np.eye(4, dtype=np.float32))
    _, rows = nearest_rows(np.asfortranarray(np.eye(4, dtype=np.float32)[::-1]), vectors, 1)
    assert rows.ravel().tolist() == [3, 2, 1, 0]
