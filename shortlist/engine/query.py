"""What can be asked: every option once, with its limits, its default and its help."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field, Tag

from shortlist.bundle.profiles import Weight
from shortlist.bundle.tables import ItemId
from shortlist.engine.conditions import (
    MAX_LISTED,
    NO_FILTERS,
    Filters,
    Finite,
    Id,
    Ids,
    Listed,
    Listing,
    Names,
    Options,
)
from shortlist.engine.features import FEATURES

DEFAULT_K = 10
MAX_CANDIDATES = 1000
MAX_QUERY_CHARACTERS = 1000
MAX_USER_CHARACTERS = 256
MAX_LIKED = MAX_LISTED
MAX_BATCH = 256
MAX_SUGGESTIONS = 50
MAX_SORTS = 5
MAX_TOLD = 20
"""Errors told of one query: its answer must not be larger than what it sent."""


def _feature(name: str) -> str:
    if name in FEATURES:
        return name
    raise ValueError(f"no such feature; known: {', '.join(FEATURES)}")


def _parted(value: object) -> object:
    """`year:desc,score` as its parts, alone or in a list."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(one, str) for one in texts):
        return value
    return tuple(part.strip() for one in texts for part in one.split(","))


Text = Annotated[str, Field(max_length=MAX_QUERY_CHARACTERS)]
User = Annotated[str, Field(min_length=1, max_length=MAX_USER_CHARACTERS)]
Depth = Annotated[int, Field(ge=0, le=MAX_CANDIDATES)]
Size = Annotated[int, Field(ge=1, le=MAX_CANDIDATES)]
Feature = Annotated[str, pydantic.AfterValidator(_feature)]
Sorts = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    pydantic.BeforeValidator(_parted),
    Field(max_length=MAX_SORTS, strict=False),
]


class Query(Options):
    """How to choose and order, whatever is asked for."""

    k: Size | None = Field(default=None, description="How many results; 10 unless given.")
    n_candidates: Size | None = Field(default=None, description="How many are ranked, k to 1000.")
    filters: Filters = Field(
        default_factory=lambda: NO_FILTERS, description="Conditions that an item must meet."
    )
    diversity: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="0 orders by score alone, 1 by variety alone."
    )
    min_score: Finite | None = Field(default=None, description="The least score of a result.")
    sort: Sorts = Field(
        default=(),
        description="Attributes, `score`, `popularity` or `distance`, each with `:asc` or"
        " `:desc`: orders all matches of a list without a text, the candidates of any other.",
    )
    explain: bool = Field(default=False, description="Say what would move each result.")
    highlights: bool = Field(
        default=False, description="Say which words of the text each result has, by field."
    )
    facets: Names = Field(default=(), description="`categories` or an attribute to count.")
    cursor: str | None = Field(default=None, description="The `next` of the answer before.")


class PopularQuery(Query):
    """Items by popularity."""


class RankedQuery(Query):
    """Items by a profile; what is not given is as the profile says."""

    n_popular: Depth | None = Field(default=None, description="How many popular items join.")
    n_words: Depth | None = Field(
        default=None, description="How many items join that have the text's words, if these weigh."
    )
    profile: str | None = Field(default=None, description="A named set of weights.")
    weights: dict[Feature, Weight] = Field(
        default={}, max_length=50, description="Weights that replace the profile's, by feature."
    )


class SearchQuery(RankedQuery):
    """A text; blank together with a filter, it browses by popularity.

    `reads` says what becomes of filters that the text names in words ("80s", "without romance"):
    they are applied and their words not looked for, only told, or not read.
    """

    q: Text = Field(
        description='The text; "a phrase" must occur, -word must not; blank with a filter lists by'
        " popularity."
    )
    reads: Literal["apply", "suggest", "off"] = Field(
        default="suggest",
        description="Filters that the text names, as years, categories: applied, told, not read.",
    )
    unread: Listing = Field(
        default=(), description="Words of the text from which no filter is read."
    )
    user: User | None = Field(
        default=None, description="Who searches: what they like has a say in the order."
    )


class TasteQuery(RankedQuery):
    """Items for what somebody likes."""

    n_neighbours: Depth | None = Field(
        default=None, description="How many items join that the same people like, where they weigh."
    )


class SimilarQuery(TasteQuery):
    """Items like this one."""

    item_id: Id


class Rated(Options):
    """A liked item and how it was rated, on the catalogue's scale."""

    item_id: Id
    rating: Finite


Liked = Annotated[
    Annotated[Id, Tag("id")] | Annotated[Rated, Tag("rated")],
    pydantic.Discriminator(lambda value: "rated" if isinstance(value, dict | Rated) else "id"),
]


class RecommendQuery(TasteQuery):
    """Items for a taste: liked and disliked ones, and a text if there is one."""

    liked: Annotated[tuple[Liked, ...], Listed] = Field(
        default=(), description="Liked items, each its id or an object of `item_id` and `rating`."
    )
    disliked: Ids = Field(default=(), description="Disliked items.")
    text: Text = Field(default="", description="A text that the items should fit too.")

    @property
    def given(self) -> tuple[ItemId, ...]:
        """The ids of all that is liked and disliked."""
        return (
            *(one.item_id if isinstance(one, Rated) else one for one in self.liked),
            *self.disliked,
        )


class UserQuery(TasteQuery):
    """Items for a user, by what is known that they like; popular ones for who is not known."""

    user: User
    text: Text = Field(default="", description="A text that the items should fit too.")


Asked = SearchQuery | SimilarQuery | RecommendQuery | PopularQuery | UserQuery
"""What is answered by a list of items."""


class SuggestQuery(Options):
    """The beginning of a title."""

    q: Text = Field(description="The beginning of a title.")
    k: Annotated[int, Field(ge=1, le=MAX_SUGGESTIONS)] = Field(
        default=8, description="How many completions, 1 to 50."
    )


class BatchQuery(Options):
    """Several searches at once, each as it would be asked alone."""

    queries: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_BATCH)


class NoQuery(Options):
    """For what takes no parameters."""
