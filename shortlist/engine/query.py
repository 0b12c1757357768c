"""What can be asked: every option once, with its limits, its default and its help."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field, Tag

from shortlist.bundle.manifest import Count, Weight
from shortlist.bundle.tables import ItemId
from shortlist.engine.features import FEATURES

DEFAULT_K = 10
MAX_CANDIDATES = 1000
MAX_QUERY_CHARACTERS = 1000
MAX_ID_LENGTH = 256
MAX_LIKED = MAX_LISTED = 1000
MAX_BATCH = 256
MAX_SUGGESTIONS = 50
MAX_PHRASES = 16
MAX_ATTRIBUTES = 100
MAX_TOLD = 20
"""Errors told of one query: its answer must not be larger than what it sent."""

_SHOWN = 40
_ID_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
    ]
}


def shown(value: object) -> str:
    """The beginning of a value: an error is not larger than what it speaks of."""
    text = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= 2 * _SHOWN else f"{text[: 2 * _SHOWN]}…"


def _item_id(value: object) -> object:
    is_integer = type(value) is int and -(2**63) <= value < 2**63
    if is_integer or (isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH):
        return value
    raise ValueError(
        f"expected an id, an integer of 64 bits or 1 to {MAX_ID_LENGTH} characters, found"
        f" {shown(value)}"
    )


def _value(value: object) -> object:
    """A value as a query string would have it: true, 42, 1.5 or a text."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else value


def _feature(name: str) -> str:
    if name in FEATURES:
        return name
    raise ValueError(f"no such feature; known: {', '.join(FEATURES)}")


def _exact(value: object, to_float: pydantic.ValidatorFunctionWrapHandler) -> float:
    """The number, an integer of 64 bits as it is: from 2^53 on a float would be another one."""
    number: float = to_float(value)
    return value if type(value) is int and -(2**63) <= value < 2**63 else number


Text = Annotated[str, Field(max_length=MAX_QUERY_CHARACTERS)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Exact = Annotated[Finite, pydantic.WrapValidator(_exact)]
Depth = Annotated[int, Field(ge=0, le=MAX_CANDIDATES)]
Size = Annotated[int, Field(ge=1, le=MAX_CANDIDATES)]
Feature = Annotated[str, pydantic.AfterValidator(_feature)]
Id = Annotated[ItemId, pydantic.BeforeValidator(_item_id), pydantic.WithJsonSchema(_ID_SCHEMA)]
Listed = Field(max_length=MAX_LISTED, strict=False)
Ids = Annotated[tuple[Id, ...], Listed]
Names = Annotated[tuple[str, ...], Listed]
Value = Annotated[
    str,
    pydantic.BeforeValidator(_value),
    pydantic.WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Valued = Annotated[
    dict[str, Annotated[tuple[Value, ...], Listed]], Field(max_length=MAX_ATTRIBUTES)
]
Listing = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    Field(max_length=MAX_PHRASES, strict=False),
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Categories(_Model):
    """At least one of `any`, every one of `all`, none of `none`."""

    any: Names = Field(default=(), description="At least one of these categories.")
    all: Names = Field(default=(), description="All of these categories.")
    none: Names = Field(default=(), description="None of these categories.")


class Phrases(_Model):
    """Words and phrases of documents: every one of `all`, none of `none`."""

    all: Listing = Field(default=(), description="Words or phrases that must occur.")
    none: Listing = Field(default=(), description="Words or phrases that must not occur.")


class Attributes(_Model):
    """For each attribute at least one of the values of `any`, and none of those of `none`."""

    any: Valued = Field(default={}, description="By attribute: at least one of these values.")
    none: Valued = Field(default={}, description="By attribute: none of these values.")


class Range(_Model):
    """Numbers from `min` to `max`, both included; an item without a value does not pass."""

    min: Exact | None = None
    max: Exact | None = None


class Filters(_Model):
    """Conditions that an item must meet, all of them."""

    categories: Categories = Categories()
    words: Phrases = Phrases()
    attributes: Attributes = Attributes()
    ranges: Annotated[dict[str, Range], Field(max_length=MAX_ATTRIBUTES)] = Field(
        default={}, description="Limits of numeric attributes."
    )
    min_rating_count: Count | None = Field(default=None, description="At least so many ratings.")
    min_mean_rating: Finite | None = Field(default=None, description="At least this mean rating.")
    include_ids: Ids | None = Field(default=None, description="Only these items.")
    exclude_ids: Ids = Field(default=(), description="Without these items.")

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return bool(self.model_fields_set) and self != NO_FILTERS


NO_FILTERS = Filters()


class Query(_Model):
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


class TasteQuery(RankedQuery):
    """Items for what somebody likes."""

    n_neighbours: Depth | None = Field(
        default=None, description="How many items join that the same people like, where they weigh."
    )


class SimilarQuery(TasteQuery):
    """Items like this one."""

    item_id: Id


class Rated(_Model):
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


class SuggestQuery(_Model):
    """The beginning of a title."""

    q: Text = Field(description="The beginning of a title.")
    k: Annotated[int, Field(ge=1, le=MAX_SUGGESTIONS)] = Field(
        default=8, description="How many completions, 1 to 50."
    )


class BatchQuery(_Model):
    """Several searches at once, each as it would be asked alone."""

    queries: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_BATCH)


class NoQuery(_Model):
    """For what takes no parameters."""
