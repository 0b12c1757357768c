"""The ranking stage: a feature matrix and weights to an order, and variety within it."""

from __future__ import annotations

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray, Vectors

VARIED = 100
"""How many of the best variety reorders; what follows keeps its order."""


def rank(features: FloatArray, weights: FloatArray) -> tuple[RowArray, FloatArray]:
    """Order candidates by score = Σ weight × feature: the order int64 [m] and the scores in it.

    features float64 [m, f] with rows in retrieval order, weights float64 [f]. The order indexes
    the rows, best first; equal scores keep the retrieval order. Raises ValueError when a feature
    is not finite: a missing value has to be decided on before ranking.
    """
    if not np.isfinite(features).all():
        raise ValueError("expected finite features, found NaN or infinity")
    scores = (features * weights).sum(axis=1)
    order = np.argsort(-scores, kind="stable")
    return order, scores[order]


def diversify(
    order: RowArray, scores: FloatArray, vectors: Vectors, *, diversity: float
) -> RowArray:
    """The first 100 of a ranked list by maximal marginal relevance; int64 [m] indexes the list.

    `order` int64 [m] and `scores` float64 [m] are the list, best first; `vectors` float32
    [min(m, 100), dim] unit rows of its first items. Chosen next is what has the most of
    (1 - d) · score / best score - d · (largest cosine to what is chosen already); with d = 0
    nothing changes. Source: Carbonell and Goldstein 1998.
    """
    places = np.arange(len(order))
    n_moved = len(vectors)
    if diversity <= 0 or n_moved < 2:
        return places
    relevance = (1 - diversity) * scores[:n_moved] / max(float(scores[0]), 1e-9)
    cosines = (vectors @ vectors.T).astype(np.float64)
    nearest = np.zeros(n_moved)
    left = np.ones(n_moved, dtype=np.bool_)
    chosen = np.empty(n_moved, dtype=np.int64)
    for place in range(n_moved):
        marginal = np.where(left, relevance - diversity * nearest, -np.inf)
        best = int(np.argmax(marginal))
        chosen[place] = best
        left[best] = False
        nearest = np.maximum(nearest, cosines[best])
    return np.concatenate([chosen, places[n_moved:]])
