"""EASE for many regularisations at the price of one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from shortlist.bundle.arrays import Vectors


class Spectrum:
    """EASE's weights for every regularisation at once, from one decomposition.

    W = Pᵀ diag(d) P, see `indexing.neighbours.ease`, with P and d from the eigenvalues of the
    smaller one of XXᵀ and XᵀX.
    """

    def __init__(self, interactions: sparse.csr_matrix) -> None:
        n_users, n_items = interactions.shape
        self._by_users = n_users < n_items
        if self._by_users:
            gram = (interactions @ interactions.T).toarray().astype(np.float64)
        else:
            gram = (interactions.T @ interactions).toarray().astype(np.float64)
        values, vectors = np.linalg.eigh(gram)
        self._values = np.maximum(values, 0.0)
        parts = vectors.T.astype(np.float32)
        self._parts = np.asarray(parts @ interactions) if self._by_users else parts
        self._squares = self._parts**2

    def _strengths(self, regularisation: float) -> Vectors:
        above = 1.0 if self._by_users else self._values
        return np.asarray(above / (self._values + regularisation), dtype=np.float32)

    def scores(self, given: sparse.csr_matrix, regularisation: float) -> Vectors:
        """What EASE predicts from these interactions, float32 [users, items]."""
        strengths = self._strengths(regularisation)
        diagonal = strengths @ self._squares
        found = (np.asarray(given @ self._parts.T) * strengths) @ self._parts
        found -= given.multiply(diagonal[None, :]).toarray()
        found /= np.maximum(1.0 - diagonal, 1e-9)[None, :]
        return np.asarray(found, dtype=np.float32)

    def blocks(self, regularisation: float, *, rows: int = 1024) -> Iterator[Vectors]:
        """The weights in blocks of rows, float32 [b, items]."""
        strengths = self._strengths(regularisation)
        scale = 1.0 / np.maximum(1.0 - strengths @ self._squares, 1e-9)
        n_items = self._parts.shape[1]
        for begin in range(0, n_items, rows):
            end = min(begin + rows, n_items)
            block = (self._parts[:, begin:end].T * strengths) @ self._parts * scale
            block[np.arange(end - begin), np.arange(begin, end)] = 0.0
            yield block.astype(np.float32)
