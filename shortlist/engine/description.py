"""Ranked candidates as the results of an answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.reader import Bundle
from shortlist.bundle.tables import describe_rows
from shortlist.engine.answer import LIKED_BY_NOBODY, Component, Highlight, Result
from shortlist.engine.attribute_filters import distances
from shortlist.engine.depth import candidates_of
from shortlist.engine.explain import Explanation, explain_pool
from shortlist.engine.features import FEATURES
from shortlist.engine.lanes.asked import ask_words
from shortlist.engine.lanes.words import fields_with
from shortlist.engine.listed import Listed
from shortlist.engine.other_lanes import NEIGHBOURS, SEMANTIC
from shortlist.engine.pool import Pool
from shortlist.engine.query import Query
from shortlist.engine.row_sets import stand_in
from shortlist.engine.snapshot import Snapshot


def describe_page(
    snapshot: Snapshot, query: Query, found: Listed, first: int, last: int
) -> list[Result]:
    """The results at the places `first` to `last` (excluded) of a list.

    Each is described by the pool that placed it.
    """
    draft, ranks = found.draft, range(first + 1, last + 1)
    if draft is None:
        explanations = _explanations(snapshot, query, found.pool, first, last)
        places = found.pool.order[first:last]
        nobody: list[str | None] = [None] * len(places)
        return _describe(snapshot, query, found.pool, places, ranks, nobody, explanations)
    letters, sides = draft.letters(first, last), draft.sides[first:last]
    described: dict[int, Result] = {}
    for side, pool in enumerate(found.pools):
        own = np.flatnonzero(sides == side)
        if not len(own):
            continue
        at = draft.places[first:last][own]
        begin, end = int(at.min()), int(at.max()) + 1
        explanations = _explanations(snapshot, query, pool, begin, end)
        results = _describe(
            snapshot,
            query,
            pool,
            pool.order[at],
            [ranks[place] for place in own],
            [letters[place] for place in own],
            [explanations[place - begin] for place in at],
        )
        described.update(zip(own.tolist(), results, strict=True))
    return [described[place] for place in range(last - first)]


def _describe(
    snapshot: Snapshot,
    query: Query,
    pool: Pool,
    places: RowArray,
    ranks: Sequence[int],
    teams: Sequence[str | None],
    explanations: Sequence[Explanation | None],
) -> list[Result]:
    """The results at these places (int64 [k]) of a ranked pool."""
    bundle = snapshot.bundle
    rows, similarities = pool.rows[places], pool.similarities
    values = pool.features[places]
    terms = values * np.array(list(pool.plan.weights.values()))
    columns = {
        "rank": ranks,
        "score": terms.sum(axis=1).tolist(),
        "retrieval_score": [None] * len(rows)
        if similarities is None
        else similarities[places].tolist(),
        "retrieval_rank": [
            place + 1 if place < pool.n_retrieved else None for place in places.tolist()
        ],
        "lanes": _lanes(pool, places),
        "distance_km": _distances(bundle, pool, rows),
        "fallback": _fallbacks(snapshot, pool, rows),
        "team": teams,
        "components": _components(snapshot, pool, rows, values.tolist(), terms.tolist()),
        "highlights": _highlights(snapshot, pool, rows) if query.highlights else [None] * len(rows),
        "explanation": explanations,
    }
    shown = describe_rows(bundle.ids, bundle.items, rows.tolist())
    return [
        Result(**item, **dict(zip(columns, of_item, strict=True)))
        for item, *of_item in zip(shown, *columns.values(), strict=True)
    ]


def _highlights(snapshot: Snapshot, pool: Pool, rows: RowArray) -> list[list[Highlight]]:
    words = snapshot.bundle.sections.words
    if words is None:
        return [[] for _ in rows]
    asked = ask_words(words, pool.plan.text) if pool.asked is None else pool.asked
    return [
        [{"field": field, "words": found} for field, found in of_row.items()]
        for of_row in fields_with(words, asked, rows)
    ]


def _components(
    snapshot: Snapshot,
    pool: Pool,
    rows: RowArray,
    values: list[list[float]],
    terms: list[list[float]],
) -> list[list[Component]]:
    features = snapshot.bundle.sections.features
    guessed = [0] * len(rows) if features is None else features.estimated[rows].tolist()
    named = [(name, weight, FEATURES[name].estimated) for name, weight in pool.plan.weights.items()]
    return [
        [
            {
                "feature": name,
                "value": value,
                "weight": weight,
                "contribution": term,
                "estimated": bool(is_cold and may_be_estimated),
            }
            for (name, weight, may_be_estimated), value, term in zip(named, *of_row, strict=True)
        ]
        for is_cold, *of_row in zip(guessed, values, terms, strict=True)
    ]


def _lanes(pool: Pool, places: RowArray) -> list[list[str]]:
    """What made the candidates at these places (int64 [k]) some, a list each."""
    rows = pool.rows[places]
    brought = {SEMANTIC: places < pool.n_retrieved}
    brought |= {lane: stand_in(rows, np.sort(own)) for lane, own in pool.lanes.items() if len(own)}
    columns = zip(*(here.tolist() for here in brought.values()), strict=True)
    return [
        [lane for lane, here in zip(brought, column, strict=True) if here] for column in columns
    ]


def _distances(bundle: Bundle, pool: Pool, rows: RowArray) -> list[float | None]:
    """How far each item is from the point of a query, None without one or without the other."""
    if pool.plan.near is None:
        return [None] * len(rows)
    away = distances(bundle, pool.plan.near, rows).tolist()
    return [None if math.isnan(one) else round(one, 3) for one in away]


def _fallbacks(snapshot: Snapshot, pool: Pool, rows: RowArray) -> list[str | None]:
    neighbours = snapshot.bundle.sections.neighbours
    if NEIGHBOURS not in pool.matches or neighbours is None:
        return [None] * len(rows)
    return [None if known else LIKED_BY_NOBODY for known in neighbours.knows(rows).tolist()]


def _explanations(
    snapshot: Snapshot, query: Query, pool: Pool, first: int, last: int
) -> list[Explanation | None]:
    """What would move each result; None for what the scores do not move.

    An order that was asked for does, and what follows the candidates stands behind them.
    """
    moved: list[Explanation | None] = []
    if query.explain and not pool.plan.sort:
        head = candidates_of(pool)
        moved = [*explain_pool(snapshot.bundle, head, first, min(last, len(head.order)))]
    return [*moved, *[None] * (last - first - len(moved))]
