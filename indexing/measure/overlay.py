"""Exact retrieval over stored vectors of which some are replaced in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shortlist.engine.lanes.semantic import Candidates, true_scores

_SPARE = 16


class OverlaidRetriever:
    """Answers as if some rows had other vectors; for measuring, not for serving.

    `vectors` float32 unit rows [n, dim]; `rows` int64 [r], rising, and `replaced` float32
    [r, dim] are what stands in their place. Every row is scored, whatever index there is; the
    scores of the last query vector are kept.
    """

    def __init__(
        self,
        vectors: npt.NDArray[np.float32],
        rows: npt.NDArray[np.int64],
        replaced: npt.NDArray[np.float32],
    ) -> None:
        self._vectors = vectors
        self._rows = rows
        self._replaced = replaced
        self._last: tuple[bytes, npt.NDArray[np.float32]] = (b"", np.empty(0, np.float32))

    def retrieve(self, query_vector: npt.NDArray[np.float32], n_candidates: int) -> Candidates:
        """The `n_candidates` best rows of all."""
        scores = self._all_scores(query_vector)
        n_found = min(n_candidates, len(scores))
        # a matrix product rounds differently from a single score: a few more are compared
        n_compared = min(n_found + _SPARE, len(scores))
        best = np.sort(np.argpartition(-scores, n_compared - 1)[:n_compared])
        exact = self.score(query_vector, best)
        order = np.argsort(-exact, kind="stable")[:n_found]
        return Candidates(best[order], exact[order], exact=True)

    def retrieve_among(
        self,
        query_vector: npt.NDArray[np.float32],
        n_candidates: int,
        rows: npt.NDArray[np.int64],
        *,
        exact_up_to: int,  # noqa: ARG002  # always exact
    ) -> Candidates:
        """The best of these rows, always exact."""
        scores = self.score(query_vector, rows)
        order = np.argsort(-scores, kind="stable")[:n_candidates]
        return Candidates(rows[order], scores[order], exact=True)

    def score(
        self, query_vector: npt.NDArray[np.float32], rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """The true inner products of these rows, replaced ones with what replaces them."""
        scores = true_scores(query_vector, self._vectors, rows)
        if not len(self._rows):
            return scores
        place = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
        here = self._rows[place] == rows
        scores[here] = true_scores(query_vector, self._replaced, place[here])
        return scores

    def _all_scores(self, query_vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        key = query_vector.tobytes()
        if self._last[0] != key:
            scores = self._vectors @ query_vector
            scores[self._rows] = self._replaced @ query_vector
            self._last = (key, scores)
        return self._last[1]
