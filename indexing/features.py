"""Numbers known of every item beside its popularity: how many rated it, how recent it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

NEIGHBOURS = 30
_BLOCK_ROWS = 1024


def rating_volume(counts: npt.NDArray[np.int32]) -> FloatArray:
    """ln(1 + v) / ln(1 + the largest v) for rating counts v int32 [n]: float64 [n] in [0, 1].

    Counts are spread over orders of magnitude; the logarithm makes ten against a hundred weigh
    what a hundred weighs against a thousand. All 0 when nobody rated anything.
    """
    logs = np.log1p(counts.astype(np.float64))
    largest = logs.max(initial=0.0)
    return logs / largest if largest else logs


def rating_percentile(counts: npt.NDArray[np.int32]) -> FloatArray:
    """The share of items with fewer ratings, float64 [n] in [0, 1); 0 for an item without."""
    ordered = np.sort(counts)
    return np.searchsorted(ordered, counts, side="left") / max(1, len(counts))


def recency(values: FloatArray, *, half_life: float) -> FloatArray:
    """2^-((newest − value) / half_life), float64 [n] in (0, 1]: the newest item has 1.

    `values` float64 [n] is a year or another number that grows with time, NaN where it is not
    known: such an item gets the mean of the others, which says neither new nor old. All 1 when
    no value is known.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.ones(len(values))
    filled: FloatArray = np.full(len(values), np.nan)
    filled[known] = np.exp2(-(values[known].max() - values[known]) / half_life)
    return np.where(known, filled, filled[known].mean())


def most_rated(counts: npt.NDArray[np.int32], *, limit: int) -> npt.NDArray[np.int64]:
    """The rows of up to `limit` rated items, most ratings first, ties in rising row order."""
    order = np.argsort(-counts.astype(np.int64), kind="stable")[:limit]
    return order[counts[order] > 0]


def neighbour_means(
    vectors: npt.NDArray[np.float32],
    wanted: npt.NDArray[np.int64],
    known: npt.NDArray[np.int64],
    values: FloatArray,
) -> FloatArray:
    """What the 30 nearest known rows have, weighted by similarity: float64 [w, f].

    `vectors` float32 unit rows [n, dim]; `wanted` and `known` rows int64; `values` float64
    [known, f]. A similarity below 0 counts as 0; with none above, the plain mean.
    Source: the k nearest neighbours estimate with similarity weights.
    """
    n_neighbours = min(NEIGHBOURS, len(known))
    found = np.empty((len(wanted), values.shape[1]))
    reference = np.ascontiguousarray(vectors[known])
    for begin in range(0, len(wanted), _BLOCK_ROWS):
        similarities = vectors[wanted[begin : begin + _BLOCK_ROWS]] @ reference.T
        nearest = np.argpartition(-similarities, n_neighbours - 1, axis=1)[:, :n_neighbours]
        weights = np.take_along_axis(similarities, nearest, axis=1).astype(np.float64)
        weights = np.maximum(weights, 1e-9)
        sums = np.einsum("wk,wkf->wf", weights, values[nearest])
        found[begin : begin + len(weights)] = sums / weights.sum(axis=1, keepdims=True)
    return found
