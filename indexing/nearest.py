"""The rows that are nearest to some vectors, by comparing one and all."""

from __future__ import annotations

import faiss
import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.vectors import AnyVectors

_BLOCK_ROWS = 65_536


def nearest_rows(queries: Vectors, vectors: AnyVectors, depth: int) -> tuple[Vectors, RowArray]:
    """The `depth` largest inner products of each query, and the rows that have them, best first.

    Of float32 [q, dim] and [n, dim], `depth` at most n: float32 and int64 [q, depth]. Goes through
    the vectors in blocks, on all cores, and never holds more than one block's.
    """
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    best = np.empty((len(queries), 0), np.float32)
    rows = np.empty((len(queries), 0), np.int64)
    for begin in range(0, len(vectors), _BLOCK_ROWS):
        block = np.ascontiguousarray(vectors[begin : begin + _BLOCK_ROWS])
        found, of_block = faiss.knn(
            queries, block, min(depth, len(block)), metric=faiss.METRIC_INNER_PRODUCT
        )
        best = np.concatenate([best, found], axis=1)
        rows = np.concatenate([rows, begin + of_block], axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :depth]
        best = np.take_along_axis(best, order, axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
    return best, rows
