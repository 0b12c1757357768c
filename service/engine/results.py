"""A ranked pool as the results of an answer."""

from __future__ import annotations

import math

import numpy as np

from service.engine.answers import Component, Result
from service.engine.pool import Pool
from service.ranking import FloatArray, Ranking
from service.snapshot import Snapshot

_ESTIMATED = {"expected_popularity", "rating_volume"}


def make_results(
    snapshot: Snapshot,
    pool: Pool,
    features: FloatArray,
    ranking: Ranking,
    weights: dict[str, float],
    *,
    k: int,
) -> list[Result]:
    """The k best of the pool, described. `features` float64 [m, f] has a column a weight."""
    places = ranking.order[:k]
    shown = zip(
        places.tolist(),
        ranking.scores[:k].tolist(),
        features[places].tolist(),
        ranking.contributions[:k].tolist(),
        pool.lanes_of(places),
        strict=True,
    )
    return [
        _result(
            snapshot,
            pool,
            place,
            rank=position,
            score=score,
            lanes=lanes,
            components=_components(snapshot, int(pool.rows[place]), weights, values, terms),
        )
        for position, (place, score, values, terms, lanes) in enumerate(shown, 1)
    ]


def _components(
    snapshot: Snapshot,
    row: int,
    weights: dict[str, float],
    values: list[float],
    contributions: list[float],
) -> list[Component]:
    features = snapshot.bundle.sections.features
    estimated = features is not None and bool(features.estimated[row])
    return [
        Component(name, value, weight, contribution, estimated and name in _ESTIMATED)
        for (name, weight), value, contribution in zip(
            weights.items(), values, contributions, strict=True
        )
    ]


def _result(
    snapshot: Snapshot,
    pool: Pool,
    place: int,
    *,
    rank: int,
    score: float,
    lanes: list[str],
    components: list[Component],
) -> Result:
    row = int(pool.rows[place])
    items, popularity = snapshot.bundle.items, snapshot.bundle.items.popularity
    mean_rating = np.nan if popularity is None else float(popularity.mean_rating[row])
    return Result(
        rank=rank,
        item_id=snapshot.bundle.ids.id_of(row),
        title=items.titles[row].as_py(),
        categories=items.categories.of(row),
        attributes={name: values[row].as_py() for name, values in items.attributes.items()},
        score=score,
        retrieval_score=float(pool.similarities[place]),
        popularity_score=None if popularity is None else float(popularity.popularity_score[row]),
        retrieval_rank=place + 1 if place < pool.n_retrieved else None,
        lanes=lanes,
        rating_count=None if popularity is None else int(popularity.rating_count[row]),
        mean_rating=None if math.isnan(mean_rating) else mean_rating,
        components=components,
    )
