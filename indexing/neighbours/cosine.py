"""Item-item cosine neighbours, for catalogues that EASE is too large for."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import sparse

from shortlist.encoder.machine import available_cores


def cosine_neighbours(
    likes: sparse.csr_matrix, *, per_item: int, show_progress: bool = False
) -> sparse.csr_matrix:
    """The `per_item` items of largest cosine to each item's likes, float64 in (0, 1].

    Source: Deshpande and Karypis 2004; the computation is implicit's.
    """
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=per_item + 1, num_threads=available_cores())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a conversion that it does itself
        model.fit(likes.astype(np.float64), show_progress=show_progress)
    found = model.similarity.tocsr()
    found.setdiag(0.0)
    found.eliminate_zeros()
    found.sort_indices()
    return found
