"""Ratings to the popularity table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Popularity:
    """The popularity table and the constants it was made with.

    `table` is in row order: rating_count (int32), mean_rating (float64, NaN for a cold item),
    popularity_score (float64 in [0, 1]). `mean_rating` is C, `prior_count` is m.
    """

    table: pd.DataFrame
    mean_rating: float
    prior_count: float


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
    mean_rating = float(by_item["mean"].mean()) if len(by_item) else 0.0
    prior_count = float(by_item["count"].quantile(prior_quantile)) if len(by_item) else 0.0
    count = stats["count"].fillna(0).to_numpy(np.float64)
    mean = stats["mean"].to_numpy(np.float64)
    score = np.full(n_items, mean_rating)
    np.divide(
        count * mean + prior_count * mean_rating, count + prior_count, out=score, where=count > 0
    )
    table = pd.DataFrame(
        {
            "rating_count": count.astype(np.int32),
            "mean_rating": mean,
            "popularity_score": np.minimum(score / highest, 1.0),  # rounding may exceed 1
        }
    )
    return Popularity(table, mean_rating, prior_count)
