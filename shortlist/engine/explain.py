"""Why an item stands where it stands, and what would move it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.bundle.arrays import FloatArray
from shortlist.bundle.reader import Bundle
from shortlist.engine.features import POPULARITY
from shortlist.engine.pool import Pool

HIGHEST_WEIGHT = 10.0


@dataclass(frozen=True)
class WeightRange:
    """Weights from `low` to `high`, both included, over which something holds."""

    low: float
    high: float


@dataclass(frozen=True)
class Explanation:
    """What would move an item in the list of all candidates.

    `rank_without` is its rank if a feature weighed nothing, by feature. Over `popularity_range`
    (within 0 to 10, all other weights as they are) it keeps its place above the next item; None
    for the last, and where there is no popularity.
    """

    rank_without: dict[str, int]
    popularity_range: WeightRange | None


def explain_pool(bundle: Bundle, pool: Pool, first: int, last: int) -> list[Explanation]:
    """Explanations of the places `first` to `last` (excluded) of a ranked pool."""
    rated, order, weights = bundle.items.popularity, pool.order.tolist(), pool.plan.weights
    popularity = None if rated is None else rated.popularity_score[pool.rows]
    ranks = {
        name: _ranks_without(pool.features, np.array(list(weights.values())), column)
        for column, name in enumerate(weights)
    }
    return [
        Explanation(
            rank_without={name: int(of_all[order[place]]) for name, of_all in ranks.items()},
            popularity_range=None
            if popularity is None or place + 1 == len(order)
            else _keeps_place(pool.features, weights, popularity, order[place : place + 2]),
        )
        for place in range(first, last)
    ]


def _ranks_without(features: FloatArray, weights: FloatArray, column: int) -> FloatArray:
    """The rank, from 1, that each candidate has when one feature weighs nothing."""
    left = weights.copy()
    left[column] = 0.0
    order = np.argsort(-(features * left).sum(axis=1), kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def _keeps_place(
    features: FloatArray, weights: dict[str, float], popularity: FloatArray, pair: list[int]
) -> WeightRange | None:
    """Where a + w·b >= 0 for the difference of two scores as a function of the popularity weight w.

    Closed form: b is the difference of the popularities, a that of the rest of the scores.
    """
    upper, lower = pair
    others = np.array([0.0 if name == POPULARITY else weight for name, weight in weights.items()])
    a = float(((features[upper] - features[lower]) * others).sum())
    b = float(popularity[upper] - popularity[lower])
    if b == 0:
        return WeightRange(0.0, HIGHEST_WEIGHT) if a >= 0 else None
    bound = -a / b
    low, high = (max(0.0, bound), HIGHEST_WEIGHT) if b > 0 else (0.0, min(HIGHEST_WEIGHT, bound))
    return WeightRange(low, high) if low <= high else None
