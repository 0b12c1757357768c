"""Every list of results is asked for and made here, whatever is looked for."""

from __future__ import annotations

import secrets
from typing import Any

from shortlist.bundle.arrays import Vectors
from shortlist.bundle.experiment import Experiment
from shortlist.bundle.tables import ItemId, describe_rows
from shortlist.engine.about import counted
from shortlist.engine.answer import Answer, Item, RecommendAnswer
from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.cursor import next_cursor, read_cursor
from shortlist.engine.description import describe_page
from shortlist.engine.goodness import judge
from shortlist.engine.listed import Listed, listed
from shortlist.engine.ordering import in_order, ranked_again
from shortlist.engine.person import NOBODY, Person, acquaintance, as_query, person_of
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
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import SCORE
from shortlist.engine.trial import Trial, carried_on, enrolled
from shortlist.engine.wanted import known_row, wanted_of

_ID_BYTES = 12
"""Of an answer's id: no two of 10^12 answers are likely to have the same."""


def ask(
    snapshot: Snapshot,
    query: Asked,
    *,
    clock: StageClock | None = None,
    vector: Vectors | None = None,
    experiment: Experiment | None = None,
    visitor: str | None = None,
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

    `vector` is the text's (float32 unit [dim]), where it is known already. Searches take part in
    the `experiment`, that of the snapshot's bundle unless it is over, by the `visitor` who asks, a
    user or a session, see `enrolled`; a cursor's list goes on as it began. Raises InvalidParameter
    for a blank text without a filter, a taste without a known item or a text, vectors that cancel
    out, a rating off the scale, and what a plan or a filter refuses; ItemUnknown, CursorExpired,
    FeatureUnavailable, DeadlineExceeded.
    """
    clock = clock or StageClock()
    cursor = None if query.cursor is None else read_cursor(snapshot, query)
    if cursor is None:
        offset, trial = 0, enrolled(experiment, query, visitor)
    else:
        offset, trial = (
            cursor.offset,
            carried_on(cursor, query, snapshot.bundle.manifest.experiment),
        )
        vector = cursor.vector if len(cursor.vector) else vector
    user = getattr(query, "user", None)
    if user is not None and person is None:
        person = person_of(snapshot.bundle, user)
    preferred = None if trial is None else trial.profile
    how: dict[str, Any] = {"offset": offset, "preferred": preferred, "person": person}
    pool = ranked(snapshot, query, clock=clock, vector=vector, **how)
    if pool.plan.vector is None:
        trial = None  # nothing is compared: no profile ranks
    pools: tuple[Pool, ...] = (pool,)
    if trial is not None and trial.variant is None:
        rival = ranked_again(snapshot, query, pool, trial.experiment.candidate, clock)
        pools = (pool, rival)
    seed = b"" if trial is None else trial.seed
    found = listed(snapshot, query, pools, seed=seed, cursor=cursor, clock=clock)
    pool = found.pool
    first, last = found.page(cursor)
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
        experiment=None if trial is None else trial.experiment.name,
        variant=None if trial is None else trial.variant,
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
        results=describe_page(snapshot, query, found, first, last),
        facets=facets,
        about=n_about,
        next=_next(snapshot, query, found, last, trial),
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
    preferred: str | None = None,
    person: Person | None = None,
) -> Pool:
    """Every candidate of a query in its final order, not described; takes and raises as `ask`.

    A list without a text is read behind `offset` results. A `preferred` profile takes the place of
    the one that the bundle names for such a query.
    """
    clock = clock or StageClock()
    if isinstance(query, UserQuery):
        query = as_query(snapshot.bundle, query, person or NOBODY)
    wanted = wanted_of(snapshot, query, vector, clock, person)
    if preferred is not None:
        wanted["preferred"] = preferred
    clock.enter(Stage.RETRIEVE)
    try:
        pool = gather(snapshot, make_plan(snapshot, query, **wanted, offset=offset))
        clock.enter(Stage.RANK)
        return in_order(snapshot, pool, query)
    finally:
        clock.leave()


def _ordered_by(pool: Pool) -> str:
    """What the list is in the order of, as an answer says it."""
    if pool.plan.sort:
        return ",".join(map(str, pool.plan.sort))
    return SCORE if pool.plan.vector is not None else pool.plan.profile


def _next(
    snapshot: Snapshot, query: Query, found: Listed, last: int, trial: Trial | None
) -> str | None:
    rows = found.rows
    if not last > 0 or (last == len(rows) and not found.goes_on):
        return None
    plan = found.pool.plan
    vector = plan.vector if plan.text_vector is None else plan.text_vector
    version, taken = snapshot.bundle.version, "" if trial is None else str(trial)
    return next_cursor(version, query, last, int(rows[last - 1]), vector, trial=taken)


def _shown(query: Query) -> str:
    """What an answer repeats of its query."""
    match query:
        case SearchQuery(q=text) | RecommendQuery(text=text) | UserQuery(text=text):
            return text
        case SimilarQuery(item_id=item_id):
            return str(item_id)
    return ""
