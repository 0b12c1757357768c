"""How many of those who like one item like another too."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import sparse

from indexing.neighbours.lists import largest_of_each_row
from shortlist.encoder.machine import available_cores

PRIOR = 3.0
"""So many imagined people, of average taste, like every item beside those who do."""

_BLOCK_ITEMS = 1024


def co_liked(
    likes: sparse.csr_matrix, *, per_item: int, on_progress: Callable[[int], object]
) -> sparse.csr_matrix:
    """P(somebody likes j | they like i), the `per_item` largest of each row i, in [0, 1].

    (c_ij + α·p_j) / (c_i + α), where c_ij like both, c_i like i, p_j is the share of users who
    like j and α = 3: with few likes of i it is the share of all. Only pairs that somebody likes
    both of are kept. Source: the posterior mean of a binomial share under a Beta prior.
    """
    n_users, n_items = likes.shape
    counts = np.asarray(likes.sum(axis=0), dtype=np.float64).ravel()
    shares = counts / max(1, n_users)
    by_item = likes.T.tocsr()

    def of_block(begin: int) -> sparse.csr_matrix:
        both = (by_item[begin : begin + _BLOCK_ITEMS] @ likes).tocsr()
        of = begin + np.repeat(np.arange(both.shape[0]), np.diff(both.indptr))
        values = (both.data + PRIOR * shares[both.indices]) / (counts[of] + PRIOR)
        both.data = np.where(both.indices == of, 0.0, values).astype(np.float32)
        both.eliminate_zeros()
        return largest_of_each_row(both, per_item=per_item)

    parts = []
    with ThreadPoolExecutor(available_cores()) as pool:
        for part in pool.map(of_block, range(0, n_items, _BLOCK_ITEMS)):
            parts.append(part)
            on_progress(part.shape[0])
    return sparse.vstack(parts, format="csr")
