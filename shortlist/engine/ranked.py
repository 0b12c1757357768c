"""A pool in its final order: features, scores, the least score, variety."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shortlist.engine.features import feature_matrix
from shortlist.engine.pool import Pool
from shortlist.engine.query import Query
from shortlist.engine.ranking import VARIED, diversify, rank
from shortlist.engine.snapshot import Snapshot


def rank_pool(snapshot: Snapshot, pool: Pool, query: Query) -> Pool:
    """The pool with its features and order; variety only moves what the least score leaves."""
    features = feature_matrix(snapshot.bundle, pool, pool.plan.weights)
    order, scores = rank(features, np.array(list(pool.plan.weights.values())))
    if query.min_score is not None:
        n_kept = int((scores >= query.min_score).sum())
        order, scores = order[:n_kept], scores[:n_kept]
    if query.diversity:
        vectors = snapshot.bundle.vectors[pool.rows[order[:VARIED]]]
        order = order[diversify(order, scores, vectors, diversity=query.diversity)]
    return replace(pool, features=features, order=order)
