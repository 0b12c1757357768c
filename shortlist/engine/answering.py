"""From an aim to an answer: the one way that every list of results is made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from shortlist.engine.answers import SearchAnswer
from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.collaboration import Collaboration, collaborate
from shortlist.engine.cursor import Cursor, check_cursor, decode_cursor, encode_cursor, fingerprint
from shortlist.engine.diversity import DEPTH, diversify
from shortlist.engine.explain import Explanation, explain
from shortlist.engine.facets import Facets, count_facets
from shortlist.engine.filters import select
from shortlist.engine.goodness import judge
from shortlist.engine.lanes.neighbour import Taste
from shortlist.engine.plan import Plan, make_plan, popularity_plan
from shortlist.engine.pool import (
    Pool,
    RowArray,
    Scope,
    Vector,
    feature_matrix,
    gather,
    gather_popular,
)
from shortlist.engine.query import Options
from shortlist.engine.ranking import FloatArray, Ranking, rank
from shortlist.engine.results import make_results
from shortlist.engine.snapshot import Snapshot


@dataclass(frozen=True)
class Aim:
    """What is looked for.

    `vector` is float32 unit [dim], None to order by popularity alone; `text` is for the title
    lane; the rows `left_out` (int64, rising) are never part of the answer. `taste` is what the
    query gives of somebody's likes, None for a query that gives none; `profile` the bundle's for
    this kind of query.
    """

    query: str
    vector: Vector | None
    text: str = ""
    left_out: RowArray = field(default_factory=lambda: np.empty(0, np.int64))
    taste: Taste | None = None
    profile: str | None = None


@dataclass(frozen=True)
class Ranked:
    """A whole pool in its final order; `features` float64 [m, f] with a column a weight.

    `order` int64 indexes the pool's rows, best first: the ranking's down to the least score, but
    for variety.
    """

    plan: Plan
    pool: Pool
    scope: Scope
    features: FloatArray
    ranking: Ranking
    order: RowArray
    collaboration: Collaboration | None


@dataclass(frozen=True)
class Start:
    """Where an answer begins: the cursor it was asked with, the query's fingerprint."""

    cursor: Cursor | None
    fingerprint: bytes


def start(snapshot: Snapshot, kind: str, options: Options) -> Start:
    """Read the cursor. Raises InvalidParameter or CursorExpired."""
    digest = fingerprint(kind, options)
    if options.cursor is None:
        return Start(None, digest)
    cursor = decode_cursor(options.cursor)
    check_cursor(
        cursor,
        version=snapshot.version,
        expected=digest,
        dim=snapshot.bundle.manifest.embedding_dim,
    )
    return Start(cursor, digest)


def rank_all(snapshot: Snapshot, aim: Aim, options: Options, clock: StageClock) -> Ranked:
    """Both stages without the description: every candidate in its final order."""
    plan = _plan(snapshot, aim, options)
    neighbours = collaboration = None
    with clock.enter(Stage.RETRIEVE):
        scope = _scope(snapshot, aim, options)
        if aim.taste is not None:
            neighbours, collaboration = collaborate(snapshot, aim.taste, plan)
        if aim.vector is None:
            pool = gather_popular(snapshot, plan.n_candidates, scope)
        else:
            pool = gather(snapshot, aim.vector, aim.text, plan, scope, neighbours)
    with clock.enter(Stage.RANK):
        features = feature_matrix(snapshot, pool, list(plan.weights))
        ranking = rank(features, np.array(list(plan.weights.values())))
        order = _varied(snapshot, pool, _good_enough(ranking, options), options.diversity)
    return Ranked(plan, pool, scope, features, ranking, order, collaboration)


def _plan(snapshot: Snapshot, aim: Aim, options: Options) -> Plan:
    if aim.vector is None:
        return popularity_plan(snapshot.bundle, options)
    taste = aim.taste is not None
    return make_plan(snapshot.bundle, options, preferred=aim.profile, taste=taste)


def answer(
    snapshot: Snapshot, aim: Aim, options: Options, begin: Start, clock: StageClock
) -> SearchAnswer:
    """The results that follow the cursor, described."""
    found = rank_all(snapshot, aim, options, clock)
    first, last = _page(found, begin.cursor)
    best_match, no_good_match = judge(snapshot, aim.text, found.pool)
    return SearchAnswer(
        query=aim.query,
        index_version=snapshot.version,
        profile=found.plan.profile,
        k=found.plan.k,
        n_candidates=found.plan.n_candidates,
        exact=found.pool.exact,
        considered=len(found.pool.rows),
        matched=found.scope.n_matches,
        best_match=best_match,
        no_good_match=no_good_match,
        collaboration=found.collaboration,
        results=make_results(
            snapshot,
            found.pool,
            found.features,
            found.order,
            found.plan.weights,
            first=first,
            last=last,
            explanations=_explanations(snapshot, found, first, last) if options.explain else None,
        ),
        facets=_facets(snapshot, found, options),
        next=_next(snapshot, found, aim, begin, last),
        took_ms=round(clock.elapsed_s() * 1e3, 3),
    )


def _facets(snapshot: Snapshot, found: Ranked, options: Options) -> Facets | None:
    if not options.facets:
        return None
    return count_facets(snapshot.bundle, options.facets, found.scope.all_rows())


def _scope(snapshot: Snapshot, aim: Aim, options: Options) -> Scope:
    left_out = snapshot.blocked_rows
    if len(aim.left_out):
        left_out = np.union1d(left_out, aim.left_out).astype(np.int64)
    rows = select(snapshot.bundle, options.filter, left_out) if options.filter else None
    return Scope(rows, left_out, snapshot.bundle.n_items)


def _good_enough(ranking: Ranking, options: Options) -> Ranking:
    """The ranking down to the least score; variety only moves what is left."""
    if options.min_score is None:
        return ranking
    n_kept = int((ranking.scores >= options.min_score).sum())
    return Ranking(ranking.order[:n_kept], ranking.scores[:n_kept], ranking.contributions[:n_kept])


def _varied(snapshot: Snapshot, pool: Pool, ranking: Ranking, diversity: float) -> RowArray:
    if not diversity:
        return ranking.order
    vectors = snapshot.bundle.vectors[pool.rows[ranking.order[:DEPTH]]]
    places = diversify(ranking.order, ranking.scores, vectors, diversity=diversity)
    return ranking.order[places]


def _page(found: Ranked, cursor: Cursor | None) -> tuple[int, int]:
    """The places of the results to show, first and last (excluded).

    After a cursor they begin behind the last item that was shown; it is looked up, so that an
    item blocked meanwhile shifts nothing.
    """
    first = 0
    if cursor is not None:
        shown = np.flatnonzero(found.pool.rows[found.order] == cursor.row)
        first = int(shown[0]) + 1 if len(shown) else cursor.offset
    end = len(found.order)
    return min(first, end), min(first + found.plan.k, end)


def _next(snapshot: Snapshot, found: Ranked, aim: Aim, begin: Start, last: int) -> str | None:
    if not 0 < last < len(found.order):
        return None
    vector = aim.vector if aim.vector is not None else np.empty(0, np.float32)
    row = int(found.pool.rows[found.order[last - 1]])
    return encode_cursor(Cursor(snapshot.version, begin.fingerprint, last, row, vector))


def _explanations(snapshot: Snapshot, found: Ranked, first: int, last: int) -> list[Explanation]:
    popularity = snapshot.bundle.items.popularity
    return explain(
        found.features,
        found.plan.weights,
        found.order.tolist(),
        None if popularity is None else popularity.popularity_score[found.pool.rows],
        first=first,
        last=last,
    )
