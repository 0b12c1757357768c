"""The use-cases that end in a list: search, similar, recommend, popular."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.bundle.tables import ItemId
from shortlist.engine.answering import Aim, Ranked, Start, answer, rank_all, start
from shortlist.engine.answers import Item, RecommendAnswer, SearchAnswer
from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.lanes.neighbour import Taste
from shortlist.engine.pool import Vector
from shortlist.engine.query import (
    PopularQuery,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
    check_text,
)
from shortlist.engine.results import describe
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.taste import read_taste, taste_vector
from shortlist.errors import InvalidParameter, ItemUnknown, QueryError


def search(
    snapshot: Snapshot,
    query: SearchQuery,
    *,
    clock: StageClock | None = None,
    vector: Vector | None = None,
) -> SearchAnswer:
    """Retrieve, rank and describe the best items for a text.

    A blank text with a filter gives what passes it by popularity. `vector` is the text's, where
    it is known already. Raises InvalidParameter for a blank text without a filter, an overlong
    one, and for what a plan or a filter refuses; CursorExpired; FeatureUnavailable.
    """
    clock = clock or StageClock()
    begin = start(snapshot, "search", query)
    if query.filter and not query.text.strip():
        return answer(snapshot, Aim(query.text, None), query, begin, clock)
    check_text(query.text)
    if begin.cursor is not None and len(begin.cursor.vector):
        vector = begin.cursor.vector
    if vector is None:
        vector = _encoded(snapshot, query.text, clock)
    return answer(snapshot, Aim(query.text, vector, query.text), query, begin, clock)


def search_many(
    snapshot: Snapshot, queries: Sequence[SearchQuery], *, clock: StageClock | None = None
) -> list[SearchAnswer | QueryError]:
    """Each query's answer, or what is wrong with it; their texts are encoded together."""
    clock = clock or StageClock()
    texts = list(dict.fromkeys(query.text for query in queries if _wants_encoding(query)))
    with clock.enter(Stage.ENCODE):
        vectors = dict(zip(texts, snapshot.encoder.encode_many(texts), strict=True))
    found: list[SearchAnswer | QueryError] = []
    for query in queries:
        try:
            found.append(search(snapshot, query, clock=clock, vector=vectors.get(query.text)))
        except QueryError as error:
            found.append(error)
    return found


def similar(
    snapshot: Snapshot, query: SimilarQuery, *, clock: StageClock | None = None
) -> SearchAnswer:
    """The items most like one of the catalogue, that one left out. Raises ItemUnknown."""
    begin = start(snapshot, "similar", query)
    return answer(snapshot, _like(snapshot, query), query, begin, clock or StageClock())


def _like(snapshot: Snapshot, query: SimilarQuery) -> Aim:
    row = _row(snapshot, query.item_id)
    return Aim(
        query=str(query.item_id),
        vector=np.asarray(snapshot.bundle.vectors[row]),
        left_out=np.array([row], dtype=np.int64),
        taste=Taste(np.array([row], dtype=np.int64), np.ones(1), n_liked=1),
        profile=snapshot.bundle.manifest.similar_profile,
    )


def recommend(
    snapshot: Snapshot, query: RecommendQuery, *, clock: StageClock | None = None
) -> RecommendAnswer:
    """Items for a taste, the given ones left out.

    The query vector is normalise(text + mean(liked) - 0.5 · mean(disliked)) of unit vectors;
    the first two count if they are there. A liked item of rating r weighs (r - m) / (h - m) in
    its mean, m the middle and h the top of the scale: below the middle it counts against.
    Source: Rocchio 1971, relevance feedback. Where the bundle has neighbours and the profile
    weighs them, what others like who like the same brings candidates and features. Raises
    InvalidParameter when nothing is given, when no given id is known (naming them), when the
    vectors cancel out and for a rating off the scale.
    """
    clock = clock or StageClock()
    begin = start(snapshot, "recommend", query)
    aim = _taste_aim(snapshot, query, begin, clock)
    found = answer(snapshot, aim, query, begin, clock)
    return RecommendAnswer(
        **{name: getattr(found, name) for name in SearchAnswer.__dataclass_fields__},
        ignored=[
            item_id
            for item_id in (*query.liked, *query.disliked)
            if snapshot.bundle.row_of(item_id) is None
        ],
    )


def _taste_aim(snapshot: Snapshot, query: RecommendQuery, begin: Start, clock: StageClock) -> Aim:
    taste = read_taste(snapshot.bundle, query)
    if begin.cursor is not None and len(begin.cursor.vector):
        vector = begin.cursor.vector
    else:
        text = _encoded(snapshot, query.text, clock) if query.text.strip() else None
        vector = taste_vector(snapshot.bundle, taste, text)
    return Aim(
        query=query.text,
        vector=vector,
        text=query.text,
        left_out=np.unique(taste.rows),
        taste=taste,
        profile=snapshot.bundle.manifest.recommend_profile if taste.n_liked else None,
    )


def popular(
    snapshot: Snapshot, query: PopularQuery, *, clock: StageClock | None = None
) -> SearchAnswer:
    """The most popular items, of those that pass the filter."""
    begin = start(snapshot, "popular", query)
    return answer(snapshot, Aim("", None), query, begin, clock or StageClock())


def item(snapshot: Snapshot, item_id: ItemId) -> Item:
    """One item. Raises ItemUnknown, also for a blocked one."""
    return describe(snapshot, _row(snapshot, item_id))


def ranked(snapshot: Snapshot, query: SearchQuery | SimilarQuery | RecommendQuery) -> Ranked:
    """Every candidate of a query in its final order, not described."""
    clock = StageClock()
    match query:
        case SimilarQuery():
            aim = _like(snapshot, query)
        case RecommendQuery():
            aim = _taste_aim(snapshot, query, start(snapshot, "recommend", query), clock)
        case _:
            check_text(query.text)
            aim = Aim(query.text, snapshot.encoder.encode(query.text), query.text)
    return rank_all(snapshot, aim, query, clock)


def _wants_encoding(query: SearchQuery) -> bool:
    try:
        check_text(query.text)
    except InvalidParameter:
        return False
    return query.cursor is None


def _encoded(snapshot: Snapshot, text: str, clock: StageClock) -> Vector:
    with clock.enter(Stage.ENCODE):
        return snapshot.encoder.encode(text)


def _row(snapshot: Snapshot, item_id: ItemId) -> int:
    row = snapshot.bundle.row_of(item_id)
    if row is None or bool(np.isin(row, snapshot.blocked_rows)):
        raise ItemUnknown(f"no item has the id {item_id!r}")
    return row
