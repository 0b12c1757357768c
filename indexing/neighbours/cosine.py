"""How alike two items are liked: the cosine of their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import sparse

from indexing.neighbours.lists import in_blocks, largest_of_each_row


def cosine(
    likes: sparse.csr_matrix, *, per_item: int, on_progress: Callable[[int], object]
) -> Iterator[sparse.csr_matrix]:
    """The `per_item` items of largest cosine to each item's likes, float32 [b, items] in (0, 1].

    `likes` [users, items] are not negative; an item without any has no neighbour. Block by block:
    of a million items all of them would take gigabytes at once. Source: Deshpande and Karypis 2004.
    """
    lengths = np.sqrt(np.asarray(likes.multiply(likes).sum(axis=0), dtype=np.float64)).ravel()
    unit = sparse.csr_matrix(likes, dtype=np.float64, copy=True)
    unit.data /= lengths[unit.indices]
    by_item = unit.T.tocsr()

    def of_block(block: slice) -> sparse.csr_matrix:
        near = (by_item[block] @ unit).tocsr()
        of = block.start + np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
        near.data = np.where(near.indices == of, 0.0, near.data).astype(np.float32)
        near.eliminate_zeros()
        return largest_of_each_row(near, per_item=per_item)

    return in_blocks(likes.shape[1], of_block, on_progress=on_progress)
