"""Every list of results is asked for and made here, whatever is looked for."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import numpy as np

from shortlist.bundle.arrays import Vectors
from shortlist.bundle.tables import ItemId, describe_rows
from shortlist.engine.about import counted
from shortlist.engine.answer import Answer, Item, RecommendAnswer
from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.cursor import Cursor, next_cursor, read_cursor
from shortlist.engine.depth import extended, goes_on
from shortlist.engine.description import describe_results, explanations_of
from shortlist.engine.features import feature_matrix
from shortlist.engine.goodness import judge
from shortlist.engine.person import (
    NOBODY,
    Person,
    acquaintance,
    as_query,
    person_of,
)
from shortlist.engine.plan import make_plan
from shortlist.engine.pool import Pool, gather
from shortlist.engine.query import (
    Asked,
    Query,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
    UserQuery,
)
from shortlist.engine.ranking import VARIED, diversify, rank
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import SCORE, places_in_order
from shortlist.engine.wanted import known_row, wanted_of

_ID_BYTES = 12
"""Of an answer's id: no two of 10^12 answers are likely to have the same."""


def ask(
    snapshot: Snapshot,
    query: Asked,
    *,
    clock: StageClock | None = None,
    vector: Vectors | None = None,
    person: Person | None = None,
) -> Answer:
    """Retrieve, rank and describe the best items for a query.

    A search takes a text; a blank one with a filter gives what passes it by popularity. Similar
    items leave out the one they are like. Recommendations leave out what is given; their query
    vector is normalise(text + mean(liked) - 0.5 · mean(disliked)) of unit vectors, the first two
    if they are there. A liked item of rating r weighs (r - m) / (h - m) in its mean, m the middle
    and h the top of the scale: below the middle it counts against. Source: Rocchio 1971, relevance
    feedback. Where the bundle has neighbours and the profile weighs them, what others like who
    like the same brings candidates and features.

    A search by a user has their taste as a prior: weights beside the profile's, over the candidates
    of anybody. What a user is recommended is as for what they rated, popular items where they like
    nothing that is known. `person` is what is known of them; else it is what the bundle knows.

    `vector` is the text's (float32 unit [dim]), where it is known already. Raises InvalidParameter
    for a blank text without a filter, a taste without a known item or a text, vectors that cancel
    out, a rating off the scale, and what a plan or a filter refuses; ItemUnknown, CursorExpired,
    FeatureUnavailable, DeadlineExceeded.
    """
    clock = clock or StageClock()
    cursor = None if query.cursor is None else read_cursor(snapshot, query)
    if cursor is not None and len(cursor.vector):
        vector = cursor.vector
    offset = 0 if cursor is None else cursor.offset
    user = getattr(query, "user", None)
    if user is not None and person is None:
        person = person_of(snapshot.bundle, user)
    pool = ranked(snapshot, query, clock=clock, vector=vector, offset=offset, person=person)
    if goes_on(pool) and _is_past(pool, query, cursor):
        clock.enter(Stage.RANK)
        pool = extended(snapshot, pool, min_score=query.min_score)
        clock.leave()
    first, last = _page(pool, cursor)
    best_match, no_good_match = judge(snapshot, pool)
    facets, n_about = counted(snapshot, pool, query.facets, no_good_match=no_good_match)
    kind: type[Answer] = Answer
    more: dict[str, Any] = {}
    if isinstance(query, RecommendQuery):
        row_of = snapshot.bundle.ids.row_of
        kind = RecommendAnswer
        more = {"ignored": [one for one in query.given if row_of(one) is None]}
    return kind(
        query_id=secrets.token_urlsafe(_ID_BYTES),
        query=_shown(query),
        index_version=snapshot.bundle.version,
        profile=pool.plan.profile,
        k=pool.plan.k,
        n_candidates=pool.plan.n_candidates,
        exact=pool.exact,
        considered=len(pool.rows),
        matched=pool.plan.n_matches,
        ordered_by=_ordered_by(pool),
        scope="matches" if pool.plan.vector is None else "candidates",
        best_match=best_match,
        no_good_match=no_good_match,
        collaboration=pool.collaboration,
        acquaintance=None
        if user is None or person is None
        else acquaintance(person, used=pool.plan.taste is not None),
        read=[
            {
                "filter": one.filter.model_dump(exclude_defaults=True),
                "label": one.label,
                "words": one.words,
                "applied": one.applied,
            }
            for one in pool.plan.read
        ],
        results=describe_results(
            snapshot,
            pool,
            first=first,
            last=last,
            highlights=query.highlights,
            explanations=explanations_of(snapshot, query, pool, first, last),
        ),
        facets=facets,
        about=n_about,
        next=_next(snapshot, query, pool, last),
        took_ms=round(clock.elapsed_s() * 1e3, 3),
        **more,
    )


def item(snapshot: Snapshot, item_id: ItemId) -> Item:
    """One item. Raises ItemUnknown, also for a blocked one."""
    row = known_row(snapshot, item_id)
    (shown,) = describe_rows(snapshot.bundle.ids, snapshot.bundle.items, [row])
    return Item(**shown, index_version=snapshot.bundle.version)


def ranked(
    snapshot: Snapshot,
    query: Asked,
    *,
    clock: StageClock | None = None,
    vector: Vectors | None = None,
    offset: int = 0,
    person: Person | None = None,
) -> Pool:
    """Every candidate of a query in its final order, not described; takes and raises as `ask`.

    A list without a text is read behind `offset` results.
    """
    clock = clock or StageClock()
    if isinstance(query, UserQuery):
        query = as_query(snapshot.bundle, query, person or NOBODY)
    wanted = wanted_of(snapshot, query, vector, clock, person)
    clock.enter(Stage.RETRIEVE)
    pool = gather(snapshot, make_plan(snapshot, query, **wanted, offset=offset))
    clock.enter(Stage.RANK)
    pool = _in_order(snapshot, pool, query)
    clock.leave()
    return pool


def _in_order(snapshot: Snapshot, pool: Pool, query: Query) -> Pool:
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


def _ordered_by(pool: Pool) -> str:
    """What the list is in the order of, as an answer says it."""
    if pool.plan.sort:
        return ",".join(map(str, pool.plan.sort))
    return SCORE if pool.plan.vector is not None else pool.plan.profile


def _is_past(pool: Pool, query: Query, cursor: Cursor | None) -> bool:
    """Whether a page may need what follows the candidates, or whether anything does."""
    first, last = _page(pool, cursor)
    is_cut = query.min_score is not None and last == len(pool.order)
    gone = cursor is not None and not np.any(pool.rows[pool.order] == cursor.row)
    return is_cut or gone or first + pool.plan.k > len(pool.order)


def _page(pool: Pool, cursor: Cursor | None) -> tuple[int, int]:
    """The places of the results to show, first and last (excluded).

    After a cursor they begin behind the last item that was shown; it is looked up, so that an
    item blocked meanwhile shifts nothing.
    """
    first, end = 0, len(pool.order)
    if cursor is not None:
        shown = np.flatnonzero(pool.rows[pool.order] == cursor.row)
        first = min(int(shown[0]) + 1 if len(shown) else cursor.offset, end)
    return first, min(first + pool.plan.k, end)


def _next(snapshot: Snapshot, query: Query, pool: Pool, last: int) -> str | None:
    if not last > 0 or (last == len(pool.order) and not goes_on(pool)):
        return None
    row = int(pool.rows[pool.order[last - 1]])
    plan = pool.plan
    vector = plan.vector if plan.text_vector is None else plan.text_vector
    return next_cursor(snapshot.bundle.version, query, last, row, vector)


def _shown(query: Query) -> str:
    """What an answer repeats of its query."""
    match query:
        case SearchQuery(q=text) | RecommendQuery(text=text) | UserQuery(text=text):
            return text
        case SimilarQuery(item_id=item_id):
            return str(item_id)
    return ""
