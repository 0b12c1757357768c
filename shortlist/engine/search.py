"""Every list of results is asked for and made here, whatever is looked for."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from shortlist.bundle.arrays import Vectors
from shortlist.bundle.experiment import Experiment
from shortlist.bundle.tables import ItemId, describe_rows
from shortlist.engine.about import counted
from shortlist.engine.answer import Answer, Item, RecommendAnswer
from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.cursor import next_cursor, read_cursor
from shortlist.engine.description import describe_page
from shortlist.engine.goodness import judge
from shortlist.engine.lanes.neighbour import Taste
from shortlist.engine.listed import Listed, listed
from shortlist.engine.ordering import in_order, ranked_again
from shortlist.engine.plan import make_plan
from shortlist.engine.pool import Pool, gather
from shortlist.engine.query import PopularQuery, Query, RecommendQuery, SearchQuery, SimilarQuery
from shortlist.engine.question import question, read_search
from shortlist.engine.row_sets import distinct, stand_in
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import SCORE
from shortlist.engine.taste import read_taste, taste_vector
from shortlist.engine.trial import Trial, carried_on, enrolled
from shortlist.errors import InvalidParameter, ItemUnknown

_ID_BYTES = 12
"""Of an answer's id: no two of 10^12 answers are likely to have the same."""

Asked = SearchQuery | SimilarQuery | RecommendQuery | PopularQuery


def ask(
    snapshot: Snapshot,
    query: Asked,
    *,
    clock: StageClock | None = None,
    vector: Vectors | None = None,
    experiment: Experiment | None = None,
    person: str | None = None,
) -> Answer:
    """Retrieve, rank and describe the best items for a query.

    A search takes a text; a blank one with a filter gives what passes it by popularity. Similar
    items leave out the one they are like. Recommendations leave out what is given; their query
    vector is normalise(text + mean(liked) - 0.5 · mean(disliked)) of unit vectors, the first two
    if they are there. A liked item of rating r weighs (r - m) / (h - m) in its mean, m the middle
    and h the top of the scale: below the middle it counts against. Source: Rocchio 1971, relevance
    feedback. Where the bundle has neighbours and the profile weighs them, what others like who
    like the same brings candidates and features.

    `vector` is the text's (float32 unit [dim]), where it is known already. Searches take part in
    the `experiment`, that of the snapshot's bundle unless it is over, by the `person` who asks, see
    `enrolled`; a cursor's list goes on as it began. Raises InvalidParameter for a blank text
    without a filter, a taste without a known item or a text, vectors that cancel out, a rating off
    the scale, and what a plan or a filter refuses; ItemUnknown, CursorExpired, FeatureUnavailable,
    DeadlineExceeded.
    """
    clock = clock or StageClock()
    cursor = None if query.cursor is None else read_cursor(snapshot, query)
    if cursor is None:
        offset, trial = 0, enrolled(experiment, query, person)
    else:
        offset, trial = (
            cursor.offset,
            carried_on(cursor, query, snapshot.bundle.manifest.experiment),
        )
        vector = cursor.vector if len(cursor.vector) else vector
    preferred = None if trial is None else trial.profile
    pool = ranked(snapshot, query, clock=clock, vector=vector, offset=offset, preferred=preferred)
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
    row = _row(snapshot, item_id)
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
) -> Pool:
    """Every candidate of a query in its final order, not described; takes and raises as `ask`.

    A list without a text is read behind `offset` results. A `preferred` profile takes the place of
    the one that the bundle names for such a query.
    """
    clock = clock or StageClock()
    wanted = _wanted(snapshot, query, vector, clock)
    if preferred is not None:
        wanted["preferred"] = preferred
    clock.enter(Stage.RETRIEVE)
    pool = gather(snapshot, make_plan(snapshot, query, **wanted, offset=offset))
    clock.enter(Stage.RANK)
    pool = in_order(snapshot, pool, query)
    clock.leave()
    return pool


def _wanted(
    snapshot: Snapshot, query: Asked, vector: Vectors | None, clock: StageClock
) -> dict[str, Any]:
    """What a query looks for, as `make_plan` takes it; a text is encoded unless it was before."""
    match query:
        case PopularQuery():
            return {"vector": None}
        case SimilarQuery(item_id=item_id):
            row = np.array([_row(snapshot, item_id)], dtype=np.int64)
            return {
                "vector": np.asarray(snapshot.bundle.vectors[row[0]]),
                "like": int(row[0]),
                "left_out": row,
                "taste": Taste.of(int(row[0])),
                "preferred": snapshot.bundle.manifest.similar_profile,
            }
        case RecommendQuery():
            return _wanted_for_taste(snapshot, query, vector, clock)
    assert isinstance(query, SearchQuery)
    asked, filters, read = read_search(snapshot, query)
    if asked.strip():
        known = _encoded(snapshot, asked, vector, clock)
        return {"vector": known, "text": asked, "filters": filters, "read": read}
    if not filters:
        raise InvalidParameter("q", "expected a text, found none or only blanks")
    return {"vector": None, "filters": filters}


def _wanted_for_taste(
    snapshot: Snapshot, query: RecommendQuery, vector: Vectors | None, clock: StageClock
) -> dict[str, Any]:
    taste = read_taste(snapshot.bundle, query)
    asked = question(snapshot, query.text)
    text = None
    if asked.text.strip():
        text = _encoded(snapshot, asked.text, vector, clock)
    if text is not None or vector is None:
        vector = taste_vector(snapshot.bundle, taste, text)
    return {
        "vector": vector,
        "text": asked.text,
        "text_vector": text,
        "filters": asked.within(query.filters),
        "taste": taste,
        "left_out": distinct(taste.rows),
        "preferred": _preferred(snapshot, taste, text),
    }


def _preferred(snapshot: Snapshot, taste: Taste, text: Vectors | None) -> str | None:
    """The profile of a taste, or of one with a text; without anything liked, that of searches."""
    manifest = snapshot.bundle.manifest
    if not taste.n_liked:
        return None
    of_text = None if text is None else manifest.steered_profile
    return of_text or manifest.recommend_profile


def _encoded(snapshot: Snapshot, text: str, known: Vectors | None, clock: StageClock) -> Vectors:
    if known is not None:
        return known
    clock.enter(Stage.ENCODE)
    return snapshot.encoder.encode(text)


def _row(snapshot: Snapshot, item_id: ItemId) -> int:
    row = snapshot.bundle.ids.row_of(item_id)
    if row is None or bool(stand_in(np.array([row]), snapshot.blocked_rows)[0]):
        raise ItemUnknown(f"no item has the id {item_id!r}")
    return row


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
        case SearchQuery(q=text) | RecommendQuery(text=text):
            return text
        case SimilarQuery(item_id=item_id):
            return str(item_id)
    return ""
