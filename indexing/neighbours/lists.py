"""The strongest pairs of items as lists of bounded size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import sparse

from shortlist.bundle.arrays import Csr, RowArray, Vectors

ROW_CAP = 4
"""An item may have so many times the neighbours that there are for each on average."""


def strongest(blocks: Iterable[Vectors], *, per_item: int) -> sparse.csr_matrix:
    """The entries of largest size of a square matrix that comes in blocks of rows.

    Blocks are float32 [b, n] in row order. Kept are `per_item` entries for each row on average,
    none of them 0: first four times as many in each row, of these the largest of all. What an
    item that many like says is worth more than what one with a single like does.
    """
    columns, values = [], []
    for block in blocks:
        n_kept = min(ROW_CAP * per_item, block.shape[1])
        found = np.argpartition(-np.abs(block), n_kept - 1, axis=1)[:, :n_kept]
        columns.append(found.astype(np.int32))
        values.append(np.take_along_axis(block, found, axis=1))
    all_columns, all_values = np.concatenate(columns), np.concatenate(values)
    n_items = len(all_values)
    sizes = np.abs(all_values)
    n_kept = min(per_item * n_items, sizes.size)
    kept = np.zeros(sizes.shape, dtype=np.bool_)
    kept.ravel()[np.argpartition(-sizes, n_kept - 1, axis=None)[:n_kept]] = True
    kept &= sizes > 0
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    entries = (all_values[kept], all_columns[kept], offsets)
    matrix = sparse.csr_matrix(entries, shape=(n_items, n_items))
    matrix.sort_indices()
    return matrix


def largest_of_each_row(matrix: sparse.csr_matrix, *, per_item: int) -> sparse.csr_matrix:
    """The `per_item` largest stored entries of each row, ties by column."""
    kept = np.zeros(matrix.nnz, dtype=np.bool_)
    for begin, end in zip(matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True):
        if end - begin <= per_item:
            kept[begin:end] = True
        else:
            order = np.argsort(-matrix.data[begin:end], kind="stable")
            kept[begin + order[:per_item]] = True
    offsets = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], offsets), shape=matrix.shape)


def as_lists(matrix: sparse.csr_matrix, rows: RowArray, *, n_items: int) -> Csr:
    """The lists of a whole catalogue from a matrix over some of its items.

    `matrix` [m, m] speaks of the items of these `rows` (int64 [m], distinct).
    """
    coordinates = matrix.tocoo()
    entries = (coordinates.data, (rows[coordinates.row], rows[coordinates.col]))
    whole = sparse.csr_matrix(entries, shape=(n_items, n_items))
    whole.sort_indices()
    return Csr(
        offsets=whole.indptr.astype(np.int64),
        indices=whole.indices.astype(np.int32),
        weights=whole.data.astype(np.float16),
    )


def as_matrix(lists: Csr) -> sparse.csr_matrix:
    """The lists as a sparse matrix float32 [n, n]."""
    assert lists.weights is not None
    entries = (lists.weights.astype(np.float32), lists.indices, lists.offsets)
    return sparse.csr_matrix(entries, shape=(len(lists), len(lists)))
