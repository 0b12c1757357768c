"""A ranked pool as the results of an answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from shortlist.engine.answers import Component, Item, Result
from shortlist.engine.explain import Explanation
from shortlist.engine.pool import Pool, RowArray
from shortlist.engine.ranking import FloatArray
from shortlist.engine.snapshot import Snapshot

LIKED_BY_NOBODY = "item_liked_by_nobody"
_ESTIMATED = {"expected_popularity", "rating_volume"}


def make_results(
    snapshot: Snapshot,
    pool: Pool,
    features: FloatArray,
    order: RowArray,
    weights: dict[str, float],
    *,
    first: int,
    last: int,
    explanations: list[Explanation] | None,
) -> list[Result]:
    """Places `first` to `last` (excluded) of the ordered pool, described.

    `features` float64 [m, f] has a column a weight; `order` int64 [m] indexes the pool.
    """
    places = order[first:last]
    terms = features[places] * np.array(list(weights.values()))
    shown = zip(
        places.tolist(),
        terms.sum(axis=1).tolist(),
        features[places].tolist(),
        terms.tolist(),
        pool.lanes_of(places),
        _explained(explanations, len(places)),
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
            components=_components(snapshot, int(pool.rows[place]), weights, values, parts),
            explanation=explanation,
        )
        for position, (place, score, values, parts, lanes, explanation) in enumerate(
            shown, first + 1
        )
    ]


def _explained(
    explanations: list[Explanation] | None, n_results: int
) -> Sequence[Explanation | None]:
    return [None] * n_results if explanations is None else explanations


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
    explanation: Explanation | None,
) -> Result:
    row = int(pool.rows[place])
    shown = describe(snapshot, row)
    similarity = None if pool.similarities is None else float(pool.similarities[place])
    return Result(
        rank=rank,
        item_id=shown.item_id,
        title=shown.title,
        categories=shown.categories,
        attributes=shown.attributes,
        score=score,
        retrieval_score=similarity,
        popularity_score=shown.popularity_score,
        retrieval_rank=place + 1 if place < pool.n_retrieved else None,
        lanes=lanes,
        rating_count=shown.rating_count,
        mean_rating=shown.mean_rating,
        fallback=_fallback(snapshot, pool, row),
        components=components,
        explanation=explanation,
    )


def _fallback(snapshot: Snapshot, pool: Pool, row: int) -> str | None:
    neighbours = snapshot.bundle.sections.neighbours
    if pool.neighbours is None or neighbours is None:
        return None
    return None if bool(neighbours.knows(np.array([row]))[0]) else LIKED_BY_NOBODY


def describe(snapshot: Snapshot, row: int) -> Item:
    """One item of the catalogue."""
    items, popularity = snapshot.bundle.items, snapshot.bundle.items.popularity
    mean_rating = np.nan if popularity is None else float(popularity.mean_rating[row])
    return Item(
        item_id=snapshot.bundle.ids.id_of(row),
        title=items.titles[row].as_py(),
        categories=items.categories.of(row),
        attributes={name: values[row].as_py() for name, values in items.attributes.items()},
        popularity_score=None if popularity is None else float(popularity.popularity_score[row]),
        rating_count=None if popularity is None else int(popularity.rating_count[row]),
        mean_rating=None if math.isnan(mean_rating) else mean_rating,
        index_version=snapshot.version,
    )
