"""Retrieval over vectors of which some are replaced."""

from __future__ import annotations

import numpy as np

from indexing.measure.overlay import OverlaidRetriever

RNG = np.random.default_rng(5)


def unit(n: int, dim: int = 8) -> np.ndarray:
    vectors = RNG.standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_answers_are_those_of_the_vectors_with_rows_exchanged() -> None:
    vectors, replaced, rows = unit(200), unit(3), np.array([4, 50, 199])
    changed = vectors.copy()
    changed[rows] = replaced
    retriever = OverlaidRetriever(vectors, rows, replaced)
    for query in unit(20):
        found = retriever.retrieve(query, 10)
        expected = np.argsort(-(changed.astype(np.float64) @ query), kind="stable")[:10]
        assert found.rows.tolist() == expected.tolist()
        np.testing.assert_allclose(found.scores, (changed @ query)[expected], atol=1e-6)
        assert found.exact
        asked = np.array([199, 0, 4])
        np.testing.assert_allclose(retriever.score(query, asked), changed[asked] @ query, atol=1e-6)


def test_the_stored_vectors_stay_as_they_are() -> None:
    vectors = unit(20)
    before = vectors.copy()
    OverlaidRetriever(vectors, np.array([1]), unit(1)).retrieve(unit(1)[0], 5)
    assert np.array_equal(vectors, before)


def test_more_than_there_are_gives_all() -> None:
    retriever = OverlaidRetriever(unit(5), np.array([], dtype=np.int64), unit(0))
    assert sorted(retriever.retrieve(unit(1)[0], 50).rows.tolist()) == [0, 1, 2, 3, 4]
