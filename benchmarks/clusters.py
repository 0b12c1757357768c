"""Made-up unit vectors that lie in clusters, as those of real texts do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import Vectors

N_CLUSTERS = 2000
_SPREAD = 0.8
"""How far items lie from the middle of their cluster, the middles from each other being 1."""


class Clusters:
    """Draws unit vectors around the middles of 2,000 clusters, some of them far larger than others.

    Directions differ in how much vectors vary along them, the i-th with a variance of 1 / i: as of
    embeddings, a few dozen hold most of it.
    """

    def __init__(self, rng: np.random.Generator, dim: int) -> None:
        self._rng = rng
        self._along = 1 / np.sqrt(np.arange(1, dim + 1))
        self._turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
        self._middles = rng.normal(size=(N_CLUSTERS, dim)) * self._along
        sizes = rng.lognormal(0, 1, size=N_CLUSTERS)
        self._shares = sizes / sizes.sum()

    def draw(self, n: int) -> tuple[Vectors, npt.NDArray[np.int64]]:
        """Unit vectors, float32 [n, dim], and which cluster each is of, int64 [n]."""
        of = self._rng.choice(N_CLUSTERS, size=n, p=self._shares)
        apart = self._rng.normal(size=(n, len(self._along))) * self._along
        rows = (self._middles[of] + _SPREAD * apart) @ self._turn
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), of
