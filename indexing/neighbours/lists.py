"""The strongest pairs of items as lists of bounded size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shortlist.bundle.arrays import Csr, RowArray, Vectors
from shortlist.encoder.machine import available_cores

_KEY_BITS, _VALUE_BITS = 64, 31
_LARGEST = np.uint64(2**_VALUE_BITS - 1)
_Keys = npt.NDArray[np.uint64]

_BLOCK_ITEMS = 1024

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
    """The `per_item` largest stored entries of each row, ties by column; values are positive.

    The columns of a row need not rise; those that are kept do. Row, value and column are put into
    one number of 64 bits, so that all rows are sorted at once.
    """
    n_rows, n_columns = matrix.shape
    width = n_columns.bit_length()
    if n_rows.bit_length() + _VALUE_BITS + width > _KEY_BITS and n_rows > 1:
        halves = matrix[: n_rows // 2], matrix[n_rows // 2 :]
        parts = [largest_of_each_row(half, per_item=per_item) for half in halves]
        return sparse.vstack(parts, format="csr")
    counts = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(n_rows, dtype=np.uint64), counts)
    # the bits of positive floats rise with their values
    falling = _LARGEST - matrix.data.view(np.uint32)
    keys = np.sort((rows << _VALUE_BITS | falling) << width | matrix.indices.astype(np.uint64))
    place = np.arange(len(keys)) - np.repeat(matrix.indptr[:-1], counts)
    columns, values = _in_order_of_columns(keys[place < per_item], width)
    offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, per_item))])
    return sparse.csr_matrix((values, columns, offsets), shape=matrix.shape)


def _in_order_of_columns(keys: _Keys, width: int) -> tuple[np.ndarray, Vectors]:
    """The columns and values of keys, which rise by row, falling value and column."""
    mask = np.uint64(2**width - 1)
    columns, rows = keys & mask, keys >> width + _VALUE_BITS
    sizes = _LARGEST - (keys >> width & _LARGEST)
    ordered = np.sort((rows << width | columns) << _VALUE_BITS | sizes)
    values = (ordered & _LARGEST).astype(np.uint32).view(np.float32)
    return (ordered >> _VALUE_BITS & mask).astype(np.int32), values


def as_lists(blocks: Iterable[sparse.csr_matrix], rows: RowArray, *, n_items: int) -> Csr:
    """The lists of a whole catalogue from a matrix over some of its items.

    `blocks` [b, m] are of the items of these `rows` (int64 [m], distinct), in their order. Each is
    made into six bytes an entry as it comes, and let go when these are in their place.
    """
    kept, counts, done = deque[_Lists](), np.zeros(n_items + 1, np.int64), 0
    for block in blocks:
        own = rows[done : done + block.shape[0]]
        entries = (block.data, rows.astype(np.int32)[block.indices], block.indptr)
        moved = sparse.csr_matrix(entries, shape=(len(own), n_items))
        moved.sort_indices()
        counts[1 + own] = np.diff(moved.indptr)
        kept.append(_Lists(own, moved.indices, moved.data.astype(np.float16)))
        done += len(own)
    offsets = np.cumsum(counts)
    indices, weights = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.float16)
    while kept:
        of = kept.popleft()
        lengths = counts[1 + of.rows]
        moves = offsets[of.rows] - (np.cumsum(lengths) - lengths)
        places = np.arange(len(of.indices)) + np.repeat(moves, lengths)
        indices[places], weights[places] = of.indices, of.weights
    return Csr(offsets, indices, weights)


class _Lists(NamedTuple):
    """The lists of these rows (int64 [b]), one behind the other."""

    rows: RowArray
    indices: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float16]


def in_blocks(
    n_items: int,
    of_block: Callable[[slice], sparse.csr_matrix],
    *,
    on_progress: Callable[[int], object],
) -> Iterator[sparse.csr_matrix]:
    """What is made of each block of rows, in order; `on_progress` hears how many it has."""
    blocks = (slice(at, at + _BLOCK_ITEMS) for at in range(0, n_items, _BLOCK_ITEMS))
    with ThreadPoolExecutor(available_cores()) as pool:
        for made in pool.map(of_block, blocks):
            on_progress(made.shape[0])
            yield made


def as_matrix(lists: Csr) -> sparse.csr_matrix:
    """The lists as a sparse matrix float32 [n, n]."""
    assert lists.weights is not None
    entries = (lists.weights.astype(np.float32), lists.indices, lists.offsets)
    return sparse.csr_matrix(entries, shape=(len(lists), len(lists)))
