"""A query's candidates in their final order, by its own profile or by another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.features import feature_matrix
from shortlist.engine.plan import by_profile
from shortlist.engine.pool import Pool, gather, gathers_alike
from shortlist.engine.query import Query
from shortlist.engine.ranking import VARIED, diversify, rank
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import places_in_order


def in_order(snapshot: Snapshot, pool: Pool, query: Query) -> Pool:
    """The pool with its features and order; variety only moves what the least score leaves.

    An order that was asked for stands above the scores.
    """
    plan = pool.plan
    features = feature_matrix(snapshot.bundle, pool, plan.weights)
    order, scores = rank(features, np.array(list(plan.weights.values())))
    if plan.vector is None:
        order = np.arange(len(order))
        scores = (features * np.array(list(plan.weights.values()))).sum(axis=1)
    if query.min_score is not None:
        kept = scores >= query.min_score
        order, scores = order[kept], scores[kept]
    if plan.sort and plan.vector is not None:
        order = order[
            places_in_order(
                snapshot.bundle, plan.sort, pool.rows[order], scores=scores, near=plan.near
            )
        ]
    elif query.diversity and not plan.sort:
        vectors = snapshot.bundle.vectors[pool.rows[order[:VARIED]]]
        order = order[diversify(order, scores, vectors, diversity=query.diversity)]
    return replace(pool, features=features, order=order)


def ranked_again(
    snapshot: Snapshot, query: Query, pool: Pool, profile: str, clock: StageClock
) -> Pool:
    """A ranked query's candidates by another profile: the same ones, unless it has others."""
    plan = by_profile(snapshot.bundle, query, pool.plan, profile)
    if gathers_alike(pool.plan, plan):
        again = replace(pool, plan=plan)
    else:
        clock.enter(Stage.RETRIEVE)
        again = gather(snapshot, plan)
    clock.enter(Stage.RANK)
    again = in_order(snapshot, again, query)
    clock.leave()
    return again
