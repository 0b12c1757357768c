"""What an answer holds; the JSON documents are made of these."""

from __future__ import annotations

from dataclasses import dataclass

from shortlist.bundle.tables import ItemId
from shortlist.engine.collaboration import Collaboration
from shortlist.engine.explain import Explanation
from shortlist.engine.facets import Facets


@dataclass(frozen=True)
class Component:
    """One term of a score: contribution = value × weight.

    `estimated` says that the value was not known of this item and comes from its neighbours.
    """

    feature: str
    value: float
    weight: float
    contribution: float
    estimated: bool


@dataclass(frozen=True)
class Result:
    """One item of an answer; `rank` and `retrieval_rank` count from 1.

    `lanes` names what made the item a candidate: semantic, title, neighbours, popular. One that
    semantic retrieval did not bring has no `retrieval_rank`; its `retrieval_score` is its true
    similarity all the same. In a list by popularity nothing is compared, and it is None.
    `fallback` is `item_liked_by_nobody` where neighbours have a say and nobody likes this item
    together with another: text and popularity alone place it.
    """

    rank: int
    item_id: ItemId
    title: str
    categories: list[str]
    attributes: dict[str, int | float | str | None]
    score: float
    retrieval_score: float | None
    popularity_score: float | None
    retrieval_rank: int | None
    lanes: list[str]
    rating_count: int | None
    mean_rating: float | None
    fallback: str | None
    components: list[Component]
    explanation: Explanation | None


@dataclass(frozen=True)
class BestMatch:
    """The candidate most similar to the query.

    `unusualness` is how many standard deviations its similarity lies above that of a random
    query and a random item of the catalogue; `unusualness_of_ten` is that of the mean of the ten
    most similar.
    """

    similarity: float
    unusualness: float
    unusualness_of_ten: float


@dataclass(frozen=True)
class SearchAnswer:
    """Up to k candidates in order, and what they were chosen with.

    `took_ms` counts from the request's arrival. `exact` says that retrieval missed nothing for
    certain. `considered` candidates were ranked, of `matched` items that pass the filter. `next`
    is the cursor of what follows, None at the end of the candidates. `no_good_match` says that
    nothing in the catalogue is about the query; it and `best_match` are None for a bundle
    without calibration. `collaboration` says what others like has to do with it; None for
    searches and lists by popularity.
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
    best_match: BestMatch | None
    no_good_match: bool | None
    collaboration: Collaboration | None
    results: list[Result]
    facets: Facets | None
    next: str | None


@dataclass(frozen=True)
class RecommendAnswer(SearchAnswer):
    """Recommendations; `ignored` are the given ids that no item has."""

    ignored: list[ItemId]


@dataclass(frozen=True)
class Item:
    """One item of the catalogue, and the version that says so."""

    item_id: ItemId
    title: str
    categories: list[str]
    attributes: dict[str, int | float | str | None]
    popularity_score: float | None
    rating_count: int | None
    mean_rating: float | None
    index_version: str
