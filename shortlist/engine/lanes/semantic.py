"""What a retrieval backend promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.vectors import AnyVectors
from shortlist.engine.conditions import Filters
from shortlist.engine.row_sets import RowSet, distinct, stand_in


@dataclass(frozen=True)
class Candidates:
    """What retrieval found for one query, best first, ties in rising row order.

    rows int64 [m]; scores float32 [m], the true inner products in [-1, 1]; `exact` says
    whether these are the m best of the whole corpus for certain.
    """

    rows: RowArray
    scores: Vectors
    exact: bool

    def without(self, rows: RowArray, n: int) -> Candidates:
        """The first `n` that are not among these rows (int64, rising)."""
        kept = np.flatnonzero(~stand_in(self.rows, rows))[:n]
        return Candidates(self.rows[kept], self.scores[kept], self.exact)


class Retriever(Protocol):
    """Finds the items nearest to a query vector. Safe to call from many threads at once."""

    @property
    def free_depth(self) -> int:
        """Up to so many rows are found as well as fewer, and take as long; 0 for none."""

    def retrieve(self, query_vector: Vectors, n_candidates: int) -> Candidates:
        """The `n_candidates` best rows for a float32 unit vector [dim], fewer in a small corpus."""

    def retrieve_among(
        self,
        query_vector: Vectors,
        n_candidates: int,
        rows: RowSet,
        *,
        exact_up_to: int,
        wanted: Filters | None = None,
    ) -> Candidates:
        """The best of these rows: `n_candidates` of them, or all there are.

        Exact when the index is, or when at most `exact_up_to` rows are to be looked at. `wanted` is
        a filter that all of these rows pass, for an engine that rows are not sent to.
        """

    def score(self, query_vector: Vectors, rows: RowArray) -> Vectors:
        """The true inner products of these rows, float32 [m]."""


_SPARE = 64
_BLOCK_ROWS = 16_384


def best_among(
    query_vector: Vectors, vectors: AnyVectors, rows: RowArray, n_candidates: int
) -> Candidates:
    """The best of these rows (int64, rising) by their true scores, every one of them scored.

    Blocks of rows go through a matrix product, which rounds differently from a single score by
    some 1e-7; 64 more than are wanted are then scored one by one.
    """
    rough = np.empty(len(rows), dtype=np.float32)
    for begin in range(0, len(rows), _BLOCK_ROWS):
        block = rows[begin : begin + _BLOCK_ROWS]
        rough[begin : begin + len(block)] = vectors[block] @ query_vector
    if len(rows) > n_candidates + _SPARE:
        rows = rows[np.argpartition(-rough, n_candidates + _SPARE)[: n_candidates + _SPARE]]
    return best_first(rows, query_vector, vectors, n_candidates, exact=True)


def true_scores(query_vector: Vectors, vectors: AnyVectors, rows: RowArray) -> Vectors:
    """The inner products of a query with these rows, float32 [m] in [-1, 1].

    The one place where a retrieval score is computed. A row's score does not depend on the rows
    beside it, as it would in a matrix product; equal vectors therefore tie.
    """
    scores: Vectors = np.vecdot(vectors[rows], query_vector)
    return np.clip(scores, -1.0, 1.0)


def best_first(
    rows: RowArray, query_vector: Vectors, vectors: AnyVectors, n: int, *, exact: bool
) -> Candidates:
    """The first `n` of these rows by their true scores, whatever a lossy index said of them.

    A row that stands twice counts once.
    """
    rows = distinct(rows)
    scores = true_scores(query_vector, vectors, rows)
    order = np.argsort(-scores, kind="stable")[:n]
    return Candidates(rows[order], scores[order], exact)
