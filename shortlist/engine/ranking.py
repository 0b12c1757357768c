"""The ranking stage: a feature matrix and weights to an order and its explanation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Candidates in their final order.

    order int64 [m] indexes the rows of the feature matrix, best first; scores float64 [m] and
    contributions float64 [m, f] are in that order, and each score is the sum of its
    contributions.
    """

    order: npt.NDArray[np.int64]
    scores: FloatArray
    contributions: FloatArray


def rank(features: FloatArray, weights: FloatArray) -> Ranking:
    """Order candidates by score = Σ weight × feature.

    features float64 [m, f] with rows in retrieval order, weights float64 [f]. Equal scores
    keep the retrieval order. Raises ValueError when a feature is not finite: a missing value
    has to be decided on before ranking.
    """
    if not np.isfinite(features).all():
        raise ValueError("expected finite features, found NaN or infinity")
    contributions = features * weights
    scores = contributions.sum(axis=1)
    order = np.argsort(-scores, kind="stable")
    return Ranking(order, scores[order], contributions[order])
