"""What an answer holds; the JSON documents are made of these."""

from __future__ import annotations

from dataclasses import dataclass

from indexing.bundle.tables import ItemId


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

    `lanes` names what made the item a candidate: semantic, title, popular. One that semantic
    retrieval did not bring has no `retrieval_rank`; its `retrieval_score` is its true
    similarity all the same.
    """

    rank: int
    item_id: ItemId
    title: str
    categories: list[str]
    attributes: dict[str, int | float | str | None]
    score: float
    retrieval_score: float
    popularity_score: float | None
    retrieval_rank: int | None
    lanes: list[str]
    rating_count: int | None
    mean_rating: float | None
    components: list[Component]


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
    """The k best candidates in order, and what they were chosen with.

    `no_good_match` says that nothing in the catalogue is about the query; it and `best_match`
    are None for a bundle without calibration.
    """

    query: str
    index_version: str
    profile: str
    took_ms: float
    k: int
    n_candidates: int
    exact: bool
    best_match: BestMatch | None
    no_good_match: bool | None
    results: list[Result]
