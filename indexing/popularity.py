"""Ratings to the popularity table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from indexing.catalog import Catalog
from shortlist.bundle.arrays import FloatArray
from shortlist.bundle.tables import PopularityColumns


@dataclass(frozen=True)
class Popularity:
    """What the ratings say of each item, and the constants C (`prior_mean`) and m."""

    columns: PopularityColumns
    prior_mean: float
    prior_count: float


def catalog_popularity(catalog: Catalog) -> Popularity | None:
    """The popularity of a catalogue's items, None for a catalogue without ratings."""
    scale = catalog.config.scale
    if scale is None or catalog.ratings is None:
        return None
    return weighted_ratings(
        catalog.ratings.table,
        catalog.n_items,
        highest=scale[1],
        prior_quantile=catalog.config.popularity.prior_quantile,
    )


def weighted_ratings(
    ratings: pd.DataFrame, n_items: int, *, highest: float, prior_quantile: float
) -> Popularity:
    """The IMDb weighted rating v/(v+m)·R + m/(v+m)·C of every item, divided by the scale's top.

    `ratings` has columns row (int64) and value (float64 in [0, highest]). R and v are an item's
    mean and count; C is the mean of the rated items' means; m is the `prior_quantile` quantile
    (linear between neighbours) of their counts. A cold item gets C. Without a single rating C
    is the middle of nothing, so every score is 0 and the constants are 0.
    Source: the formula IMDb published for its Top 250, a Bayesian estimate with prior (C, m).
    """
    by_item = ratings.groupby("row")["value"].agg(["mean", "count"])
    stats = by_item.reindex(range(n_items))
    return from_counts(
        stats["count"].fillna(0).to_numpy(np.int32),
        stats["mean"].to_numpy(np.float64),
        highest=highest,
        prior_quantile=prior_quantile,
    )


def from_counts(
    counts: npt.NDArray[np.int32], means: FloatArray, *, highest: float, prior_quantile: float
) -> Popularity:
    """The weighted ratings by how many ratings each item has, int32 [n], and their means, [n].

    The mean of an item without ratings is NaN.
    """
    is_rated = counts > 0
    any_rated = bool(is_rated.any())
    prior_mean = float(means[is_rated].mean()) if any_rated else 0.0
    prior_count = float(np.quantile(counts[is_rated], prior_quantile)) if any_rated else 0.0
    count, score = counts.astype(np.float64), np.full(len(counts), prior_mean)
    weighted = count * means + prior_count * prior_mean
    np.divide(weighted, count + prior_count, out=score, where=is_rated)
    columns = PopularityColumns(
        rating_count=counts,
        mean_rating=means,
        popularity_score=np.minimum(score / highest, 1.0),  # rounding may exceed 1
    )
    return Popularity(columns, prior_mean, prior_count)
