"""What an answer holds, and how it prints; the JSON documents are made of these."""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from typing import Any, Literal

from typing_extensions import TypedDict

from shortlist.bundle.attributes import Shown
from shortlist.bundle.display import Display
from shortlist.bundle.experiment import Variant
from shortlist.bundle.tables import ItemId
from shortlist.engine.explain import Explanation
from shortlist.engine.facets import Facets
from shortlist.engine.lanes.neighbour import Collaboration
from shortlist.engine.shown import Listing, Row

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
    `team` is the side of an experiment that a click on it speaks for, A (control) or B (candidate);
    None where it speaks for neither. The components are those of the profile that placed it.
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
    team: Literal["A", "B"] | None
    components: list[Component]
    highlights: list[Highlight] | None
    explanation: Explanation | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Answer(Listing[Result]):
    """Up to k candidates in order, and what they were chosen with.

    `query_id` names this answer: events say by it where an item was shown. `took_ms` counts from
    the request's arrival. `exact` says that retrieval missed nothing for certain. `considered`
    candidates were ranked, of `matched` items that pass the filter. `next` is the cursor of what
    follows, None at the end: that of the matches under a filter or without a text, else that of the
    candidates. `no_good_match` says that nothing in the catalogue is about the query; it and
    `best_match` are None for a bundle without calibration. `collaboration` says what others like
    has to do with it; None for searches and lists by popularity. The list is `ordered_by` the score
    or what else, over all matches or, where a text or a taste is compared, over the candidates
    (`scope`). `about` of the matches are about the query, told where facets are. `read` are the
    filters that the text names in words. An answer that takes part in an `experiment` was ranked
    for one `variant`, or, where that is None, drafted from both; then what is said of the list as a
    whole is said of the control's.
    """

    query_id: str
    query: str
    index_version: str
    profile: str
    experiment: str | None
    variant: Variant | None
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
