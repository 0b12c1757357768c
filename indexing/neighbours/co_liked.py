"""How many of those who like one item like another too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import sparse

from indexing.neighbours.lists import in_blocks, largest_of_each_row

PRIOR = 3.0
"""So many imagined people, of average taste, like every item beside those who do."""


def co_liked(
    likes: sparse.csr_matrix, *, per_item: int, on_progress: Callable[[int], object]
) -> Iterator[sparse.csr_matrix]:
    """P(somebody likes j | they like i), the `per_item` largest of each row i, in [0, 1].

    Block by block, float32 [b, items].

    (c_ij + α·p_j) / (c_i + α), where c_ij like both, c_i like i, p_j is the share of users who
    like j and α = 3: with few likes of i it is the share of all. Only pairs that somebody likes
    both of are kept. Source: the posterior mean of a binomial share under a Beta prior.
    """
    n_users, n_items = likes.shape
    counts = np.asarray(likes.sum(axis=0), dtype=np.float64).ravel()
    shares = counts / max(1, n_users)
    by_item = likes.T.tocsr()

    def of_block(block: slice) -> sparse.csr_matrix:
        both = (by_item[block] @ likes).tocsr()
        of = block.start + np.repeat(np.arange(both.shape[0]), np.diff(both.indptr))
        values = (both.data + PRIOR * shares[both.indices]) / (counts[of] + PRIOR)
        both.data = np.where(both.indices == of, 0.0, values).astype(np.float32)
        both.eliminate_zeros()
        return largest_of_each_row(both, per_item=per_item)

    return in_blocks(n_items, of_block, on_progress=on_progress)
