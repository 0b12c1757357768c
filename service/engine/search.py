"""The use-cases that end in a list: search, similar, recommend, popular."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexing.bundle.tables import ItemId
from indexing.errors import InvalidParameter, ItemUnknown, QueryError
from service.engine.answering import Aim, Ranked, answer, rank_all, start
from service.engine.answers import Item, RecommendAnswer, SearchAnswer
from service.engine.pool import RowArray, Vector
from service.engine.queries import (
    MAX_LIKED,
    PopularQuery,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
    check_length,
    check_text,
)
from service.engine.results import describe
from service.snapshot import Snapshot
from service.stages import Stage, StageClock

DISLIKE = 0.5
_LEAST_LENGTH = 1e-6


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
    row = _row(snapshot, query.item_id)
    begin = start(snapshot, "similar", query)
    aim = Aim(
        query=str(query.item_id),
        vector=np.asarray(snapshot.bundle.vectors[row]),
        left_out=np.array([row], dtype=np.int64),
    )
    return answer(snapshot, aim, query, begin, clock or StageClock())


def recommend(
    snapshot: Snapshot, query: RecommendQuery, *, clock: StageClock | None = None
) -> RecommendAnswer:
    """Items for a taste, the given ones left out.

    The query vector is normalise(text + mean(liked) - 0.5 · mean(disliked)) of unit vectors;
    the first two count if they are there. Source: Rocchio 1971, relevance feedback. Raises
    InvalidParameter when nothing is given, when no given id is known (naming them) and when the
    vectors cancel out.
    """
    clock = clock or StageClock()
    begin = start(snapshot, "recommend", query)
    liked, disliked = _known_rows(snapshot, query.liked), _known_rows(snapshot, query.disliked)
    _check_taste(query, n_known=len(liked) + len(disliked))
    check_length(query.text)
    if begin.cursor is not None and len(begin.cursor.vector):
        vector = begin.cursor.vector
    else:
        vector = _taste(snapshot, query.text, liked, disliked, clock)
    given = np.unique(np.concatenate([liked, disliked]))
    found = answer(snapshot, Aim(query.text, vector, query.text, given), query, begin, clock)
    return RecommendAnswer(
        **{name: getattr(found, name) for name in SearchAnswer.__dataclass_fields__},
        ignored=[
            item_id
            for item_id in (*query.liked, *query.disliked)
            if snapshot.bundle.row_of(item_id) is None
        ],
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


def ranked(snapshot: Snapshot, query: SearchQuery) -> Ranked:
    """Every candidate of a query in its final order, not described."""
    check_text(query.text)
    vector = snapshot.encoder.encode(query.text)
    return rank_all(snapshot, Aim(query.text, vector, query.text), query, StageClock())


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


def _known_rows(snapshot: Snapshot, ids: Sequence[ItemId]) -> RowArray:
    rows = [snapshot.bundle.row_of(item_id) for item_id in ids]
    return np.array([row for row in rows if row is not None], dtype=np.int64)


def _check_taste(query: RecommendQuery, *, n_known: int) -> None:
    given = (*query.liked, *query.disliked)
    if len(given) > MAX_LIKED:
        raise InvalidParameter("liked", f"expected at most {MAX_LIKED} ids, found {len(given)}")
    if not given and not query.text.strip():
        raise InvalidParameter("liked", "expected an item or a text, found neither")
    if given and not n_known:
        listed = ", ".join(map(repr, given[:10]))
        raise InvalidParameter("liked", f"no item has any of the ids {listed}")


def _taste(
    snapshot: Snapshot, text: str, liked: RowArray, disliked: RowArray, clock: StageClock
) -> Vector:
    vectors = snapshot.bundle.vectors
    wanted = np.zeros(vectors.shape[1])
    if text.strip():
        wanted += _encoded(snapshot, text, clock)
    if len(liked):
        wanted += vectors[liked].mean(axis=0, dtype=np.float64)
    if len(disliked):
        wanted -= DISLIKE * vectors[disliked].mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(wanted))
    if length < _LEAST_LENGTH:
        raise InvalidParameter("liked", "what is liked and what is disliked cancel out")
    return (wanted / length).astype(np.float32)
