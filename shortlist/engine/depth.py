"""Lists under a filter go on behind their candidates, to the last item that passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shortlist.bundle.arrays import RowArray
from shortlist.engine.features import feature_matrix
from shortlist.engine.lanes.words import score_words
from shortlist.engine.other_lanes import MATCHES
from shortlist.engine.pool import Pool
from shortlist.engine.ranking import rank
from shortlist.engine.snapshot import Snapshot

DEEPEST = 10_000
"""So many of the nearest follow the candidates, or all that pass if there are fewer."""


def goes_on(pool: Pool) -> bool:
    """Whether a list is longer than its candidates: under a filter, in no order asked for."""
    plan = pool.plan
    compared = plan.vector is not None and plan.among is not None and not plan.sort
    return compared and MATCHES not in pool.lanes and plan.n_matches > len(pool.rows)


def extended(snapshot: Snapshot, pool: Pool, *, min_score: float | None) -> Pool:
    """The ranked pool with what follows its candidates, ranked by the same profile.

    A candidate stands before everything else whatever the scores: the list begins with the same
    items however far it is read.
    """
    bundle, plan = snapshot.bundle, pool.plan
    assert plan.vector is not None
    rows = _rest(snapshot, pool)
    score, words = snapshot.retriever.score, bundle.sections.words
    rest = replace(
        pool,
        rows=rows,
        similarities=score(plan.vector, rows),
        said={} if words is None or pool.asked is None else score_words(words, pool.asked, rows),
        text_similarities=None if plan.text_vector is None else score(plan.text_vector, rows),
    )
    features = feature_matrix(bundle, rest, plan.weights)
    order, scores = rank(features, np.array(list(plan.weights.values())))
    if min_score is not None:
        order = order[scores >= min_score]
    return replace(
        pool,
        rows=np.concatenate([pool.rows, rows]),
        similarities=_joined(pool.similarities, rest.similarities),
        said={name: np.concatenate([pool.said[name], rest.said[name]]) for name in pool.said},
        text_similarities=_joined(pool.text_similarities, rest.text_similarities),
        lanes={**pool.lanes, MATCHES: rows},
        features=np.concatenate([pool.features, features]),
        order=np.concatenate([pool.order, len(pool.rows) + order]),
    )


def candidates_of(pool: Pool) -> Pool:
    """The ranked pool without what follows its candidates."""
    if pool.plan.vector is None or MATCHES not in pool.lanes:
        return pool
    n = len(pool.rows) - len(pool.lanes[MATCHES])
    order = pool.order[pool.order < n]
    return replace(pool, rows=pool.rows[:n], features=pool.features[:n], order=order)


def _rest(snapshot: Snapshot, pool: Pool) -> RowArray:
    """The rows in scope that are no candidates, int64, rising, the nearest of very many."""
    plan = pool.plan
    assert plan.vector is not None and plan.among is not None
    rest = plan.among.without(pool.rows)
    if len(rest) <= DEEPEST:
        return rest.rows
    found = snapshot.retriever.retrieve_among(
        plan.vector,
        DEEPEST,
        rest,
        exact_up_to=snapshot.exact_up_to,
        wanted=plan.filters,
    )
    return np.sort(found.rows)


def _joined(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    return None if first is None or second is None else np.concatenate([first, second])
