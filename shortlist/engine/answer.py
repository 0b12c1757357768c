"""What an answer holds, and how it prints; the JSON documents are made of these."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from typing_extensions import TypedDict

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.attributes import Shown
from shortlist.bundle.display import Display
from shortlist.bundle.reader import Bundle
from shortlist.bundle.tables import ItemId, describe_rows
from shortlist.engine.attribute_filters import distances
from shortlist.engine.explain import Explanation
from shortlist.engine.facets import Facets
from shortlist.engine.features import FEATURES
from shortlist.engine.lanes.neighbour import Collaboration
from shortlist.engine.lanes.words import ask_words, fields_with
from shortlist.engine.pool import NEIGHBOURS, SEMANTIC, Pool
from shortlist.engine.row_sets import stand_in
from shortlist.engine.shown import Listing, Row
from shortlist.engine.snapshot import Snapshot

LIKED_BY_NOBODY = "item_liked_by_nobody"


class Component(TypedDict):
    """One term of a score: contribution = value × weight.

    `estimated` says that the value was not known of this item and comes from its neighbours.
    """

    feature: str
    value: float
    weight: float
    contribution: float
    estimated: bool


class Highlight(TypedDict):
    """The words of the text, as they were written, that a field of an item's document has."""

    field: str
    words: list[str]


class BestMatch(TypedDict):
    """The candidate most similar to the query.

    `unusualness` is how many standard deviations its similarity lies above that of a random
    query and a random item of the catalogue; `unusualness_of_ten` is that of the mean of the ten
    most similar.
    """

    similarity: float
    unusualness: float
    unusualness_of_ten: float


class ReadFilter(TypedDict):
    """A filter that the text names in words, as a query's `filters` would have it.

    `label` says it in short, `words` are those it was read from; `applied` says that it holds for
    this answer.
    """

    filter: dict[str, Any]
    label: str
    words: str
    applied: bool


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of the catalogue, and the version that says so."""

    item_id: ItemId
    title: str
    categories: list[str]
    attributes: dict[str, Shown]
    display: Display
    popularity_score: float | None
    rating_count: int | None
    mean_rating: float | None
    index_version: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """One item of an answer; `rank` and `retrieval_rank` count from 1.

    `lanes` names what made the item a candidate: semantic, text (by a text beside a taste), words,
    title, neighbours, popular, or matches for one that only passes the filter. One that semantic
    retrieval did not bring has no `retrieval_rank`; its `retrieval_score` is its true similarity
    all the same. In a list without a text nothing is compared, and it is None. `distance_km` is
    that from the point that was asked for. `fallback` is `item_liked_by_nobody` where neighbours
    have a say and nobody likes this item together with another: text and popularity alone place it.
    """

    rank: int
    item_id: ItemId
    title: str
    categories: list[str]
    attributes: dict[str, Shown]
    display: Display
    score: float
    retrieval_score: float | None
    popularity_score: float | None
    retrieval_rank: int | None
    lanes: list[str]
    rating_count: int | None
    mean_rating: float | None
    distance_km: float | None
    fallback: str | None
    components: list[Component]
    highlights: list[Highlight] | None
    explanation: Explanation | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Answer(Listing[Result]):
    """Up to k candidates in order, and what they were chosen with.

    `took_ms` counts from the request's arrival. `exact` says that retrieval missed nothing for
    certain. `considered` candidates were ranked, of `matched` items that pass the filter. `next`
    is the cursor of what follows, None at the end: that of the matches under a filter or without a
    text, else that of the candidates. `no_good_match` says that
    nothing in the catalogue is about the query; it and `best_match` are None for a bundle
    without calibration. `collaboration` says what others like has to do with it; None for
    searches and lists by popularity. The list is `ordered_by` the score or what else, over all
    matches or, where a text or a taste is compared, over the candidates (`scope`). `about` of the
    matches are about the query, told where facets are. `read` are the
    filters that the text names in words.
    """

    query: str
    index_version: str
    profile: str
    took_ms: float
    k: int
    n_candidates: int
    exact: bool
    considered: int
    matched: int
    about: int | None
    ordered_by: str
    scope: Literal["matches", "candidates"]
    best_match: BestMatch | None
    no_good_match: bool | None
    collaboration: Collaboration | None
    read: list[ReadFilter]
    results: list[Result]
    facets: Facets | None
    next: str | None

    def entries(self) -> list[Result]:
        """The results."""
        return self.results

    def table(self) -> tuple[Row, list[Row]]:
        """A row a result, with the terms that its score is made of."""
        rows = [
            (
                str(one.rank),
                str(one.item_id),
                one.title,
                f"{one.score:.4f}",
                ", ".join(
                    f"{term['feature']} {term['contribution']:.3f}"
                    for term in one.components
                    if term["contribution"]
                ),
            )
            for one in self.results
        ]
        return ("rank", "id", "title", "score", "of which"), list(rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Each result as a plain dictionary."""
        return [asdict(one) for one in self.results]

    def to_pandas(self) -> Any:
        """The results as a pandas.DataFrame, a row each and a column for every term of the score.

        Raises ImportError where pandas is not installed.
        """
        pandas: Any = importlib.import_module(_PANDAS)
        rows = [
            {
                **{name: value for name, value in one.items() if name != "components"},
                **{f"score.{term['feature']}": term["contribution"] for term in one["components"]},
            }
            for one in self.to_dicts()
        ]
        return pandas.DataFrame(rows)


@dataclass(frozen=True, kw_only=True, repr=False)
class RecommendAnswer(Answer):
    """Recommendations; `ignored` are the given ids that no item has."""

    ignored: list[ItemId]


_PANDAS = "pandas"
"""Imported by name when a table is asked for: the core has no need of it."""


def describe_results(
    snapshot: Snapshot,
    pool: Pool,
    *,
    first: int,
    last: int,
    explanations: Sequence[Explanation | None],
    highlights: bool = False,
) -> list[Result]:
    """Places `first` to `last` (excluded) of a ranked pool; an explanation, or None, for each."""
    bundle = snapshot.bundle
    places = pool.order[first:last]
    rows, similarities = pool.rows[places], pool.similarities
    values = pool.features[places]
    terms = values * np.array(list(pool.plan.weights.values()))
    columns = {
        "rank": range(first + 1, last + 1),
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
        "components": _components(snapshot, pool, rows, values.tolist(), terms.tolist()),
        "highlights": _highlights(snapshot, pool, rows) if highlights else [None] * len(rows),
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
