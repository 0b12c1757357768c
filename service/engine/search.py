"""Search: a text to the k best items."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from service.engine.answers import SearchAnswer
from service.engine.goodness import judge
from service.engine.plan import Plan, make_plan
from service.engine.pool import Pool, feature_matrix, gather
from service.engine.queries import SearchQuery, check_text
from service.engine.results import make_results
from service.ranking import FloatArray, Ranking, rank
from service.snapshot import Snapshot


@dataclass(frozen=True)
class Ranked:
    """A whole pool in its final order; `features` float64 [m, f] with a column a weight."""

    plan: Plan
    pool: Pool
    features: FloatArray
    ranking: Ranking


def search(snapshot: Snapshot, query: SearchQuery) -> SearchAnswer:
    """Retrieve, rank and describe the k best items for a text.

    Raises InvalidParameter for a blank or overlong text and for what `make_plan` refuses.
    """
    started = time.perf_counter()
    found = ranked(snapshot, query)
    plan, pool = found.plan, found.pool
    best_match, no_good_match = judge(snapshot, query.text, pool)
    results = make_results(snapshot, pool, found.features, found.ranking, plan.weights, k=plan.k)
    return SearchAnswer(
        query=query.text,
        index_version=snapshot.version,
        profile=plan.profile,
        k=plan.k,
        n_candidates=plan.n_candidates,
        exact=pool.exact,
        best_match=best_match,
        no_good_match=no_good_match,
        results=results,
        took_ms=round((time.perf_counter() - started) * 1e3, 3),
    )


def ranked(snapshot: Snapshot, query: SearchQuery) -> Ranked:
    """Both stages without the description: every candidate of the query in its final order."""
    check_text(query.text)
    plan = make_plan(snapshot.bundle, query)
    vector = snapshot.encoder.encode(query.text)
    pool = gather(snapshot, vector, query.text, plan)
    features = feature_matrix(snapshot, pool, list(plan.weights))
    return Ranked(plan, pool, features, rank(features, np.array(list(plan.weights.values()))))
