"""The neighbours of a library, to be compared with."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import sparse

from shortlist.encoder.machine import available_cores


def item_knn(likes: sparse.csr_matrix, *, n_neighbours: int) -> sparse.csr_matrix:
    """The `n_neighbours` items of largest cosine to each item's likes, float64 in (0, 1].

    Source: Deshpande and Karypis 2004; the computation is implicit's.
    """
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=n_neighbours + 1, num_threads=available_cores())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a conversion that it does itself
        model.fit(likes.astype(np.float64), show_progress=False)
    found = model.similarity.tocsr()
    found.setdiag(0.0)
    found.eliminate_zeros()
    found.sort_indices()
    return found
