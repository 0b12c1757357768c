"""EASE: a linear model that predicts each item from all others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import linalg, sparse

from shortlist.bundle.arrays import RowArray, Vectors

BLOCK_VALUES = 2**24
"""Entries of the item-item matrix that are held at a time: 64 MB."""


class Ease:
    """EASE fitted to likes, once: whoever needs its weights, whole or in part, takes them from it.

    The weights B minimise ‖X − XB‖² + λ‖B‖² with a diagonal of 0 for likes X [users, items] and
    λ = `regularisation`: B_ij = −P_ij / P_jj with P = (XᵀX + λ)⁻¹. Source: Steck 2019,
    "Embarrassingly shallow autoencoders for sparse data". P = (1 − W) / λ, where
    W = Xᵀ(XXᵀ + λ)⁻¹X by the identity of Woodbury, so that the matrix to be factored is the
    smaller one of users and items, and B_ij = W_ij / (1 − W_jj). W is a product ZᵀZ; where there
    are fewer users than items, Z is what is held.
    """

    def __init__(self, likes: sparse.csr_matrix, *, regularisation: float) -> None:
        n_users, self._n_items = likes.shape
        self._by_users = n_users < self._n_items
        self._held = (_by_users if self._by_users else _by_items)(likes, regularisation)
        if self._by_users:
            diagonal = np.einsum("ui,ui->i", self._held, self._held, dtype=np.float64)
        else:
            diagonal = np.diag(self._held).astype(np.float64)
        self._diagonal = diagonal.astype(np.float32)
        self._scale = (1.0 / np.maximum(1.0 - diagonal, 1e-9)).astype(np.float32)

    def blocks(self) -> Iterator[Vectors]:
        """B in blocks of rows, float32 [b, items] each."""
        held, n_items = self._held, self._n_items
        step = max(1, BLOCK_VALUES // max(1, n_items))
        for begin in range(0, n_items, step):
            end = min(begin + step, n_items)
            block = held[:, begin:end].T @ held if self._by_users else held[begin:end].copy()
            block *= self._scale
            block[np.arange(end - begin), np.arange(begin, end)] = 0.0
            yield block

    def sums(self, columns: RowArray) -> Vectors:
        """The sum of B's rows for these distinct items (int64), float32 [items]."""
        held = self._held
        sums = held[:, columns].sum(axis=1) @ held if self._by_users else held[columns].sum(axis=0)
        sums[columns] -= self._diagonal[columns]
        weighed: Vectors = sums * self._scale
        return weighed


def _by_users(likes: sparse.csr_matrix, regularisation: float) -> Vectors:
    """Z float32 [users, items] with W = ZᵀZ: L⁻¹X for the Cholesky factor L of XXᵀ + λ."""
    gram = (likes @ likes.T).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularisation
    lower = linalg.cholesky(gram, lower=True, overwrite_a=True).astype(np.float32)
    right = likes.toarray(order="F")
    return np.asarray(linalg.solve_triangular(lower, right, lower=True, overwrite_b=True))


def _by_items(likes: sparse.csr_matrix, regularisation: float) -> Vectors:
    """W float32 [items, items] = 1 − λP."""
    gram = (likes.T @ likes).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularisation
    factor = linalg.cho_factor(gram, lower=True, overwrite_a=True)
    inverse = linalg.cho_solve(factor, np.eye(len(gram)), overwrite_b=True)
    whole: Vectors = (-regularisation * inverse).astype(np.float32)
    whole[np.diag_indices_from(whole)] += 1.0
    return whole
