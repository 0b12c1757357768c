"""What can be asked: every option once, with its limits, its default and its help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar, get_args

import pydantic
from pydantic import BaseModel, ConfigDict, Field, Tag, ValidationError

from shortlist.bundle.manifest import Count, Weight
from shortlist.bundle.tables import ItemId
from shortlist.engine.features import FEATURES
from shortlist.errors import InvalidParameter, MalformedRequest

DEFAULT_K = 10
MAX_CANDIDATES = 1000
MAX_QUERY_CHARACTERS = 1000
MAX_ID_LENGTH = 256
MAX_LIKED = MAX_LISTED = 1000
MAX_BATCH = 256
MAX_SUGGESTIONS = 50
MAX_TOLD = 20
"""Errors told of one query: its answer must not be larger than what it sent."""

_SHOWN = 40
_TAGS = frozenset({"[key]", "id", "rated"})
_ID_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
    ]
}


def _item_id(value: object) -> object:
    is_integer = type(value) is int and -(2**63) <= value < 2**63
    if is_integer or (isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH):
        return value
    raise ValueError(
        f"expected an id, an integer of 64 bits or 1 to {MAX_ID_LENGTH} characters, found"
        f" {_shown(value)}"
    )


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


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Categories(_Model):
    """At least one of `any`, every one of `all`, none of `none`."""

    any: Names = Field(default=(), description="At least one of these categories.")
    all: Names = Field(default=(), description="All of these categories.")
    none: Names = Field(default=(), description="None of these categories.")


class Range(_Model):
    """Numbers from `min` to `max`, both included; an item without a value does not pass."""

    min: Exact | None = None
    max: Exact | None = None


class Filters(_Model):
    """Conditions that an item must meet, all of them."""

    categories: Categories = Categories()
    ranges: Annotated[dict[str, Range], Field(max_length=100)] = Field(
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
    facets: Names = Field(default=(), description="`categories` or a numeric attribute to count.")
    cursor: str | None = Field(default=None, description="The `next` of the answer before.")


class PopularQuery(Query):
    """Items by popularity."""


class RankedQuery(Query):
    """Items by a profile; what is not given is as the profile says."""

    n_popular: Depth | None = Field(default=None, description="How many popular items join.")
    profile: str | None = Field(default=None, description="A named set of weights.")
    weights: dict[Feature, Weight] = Field(
        default={}, max_length=50, description="Weights that replace the profile's, by feature."
    )


class SearchQuery(RankedQuery):
    """A text; blank together with a filter, it browses by popularity."""

    q: Text = Field(description="The text; blank with a filter lists by popularity.")


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


M = TypeVar("M", bound=BaseModel)


def read_query(model: type[M], values: Mapping[str, Any] | bytes) -> M:
    """The query in these values, or in a JSON text.

    Raises MalformedRequest for a text that is no JSON, InvalidParameter naming every field that
    is missing, unknown or out of its range (`filters.ranges.year.min`), the first 20 of them.
    """
    try:
        if isinstance(values, bytes):
            return model.model_validate_json(values)
        return model.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        if problems[0]["type"] == "json_invalid":
            raise MalformedRequest(f"the body is not JSON: {problems[0]['msg']}") from error
        raise InvalidParameter.several(
            {_where(one): _what(one, model) for one in map(dict, problems[:MAX_TOLD])}
        ) from error


def _where(problem: dict[str, Any]) -> str:
    parts = [str(part)[:80] for part in problem["loc"] if part not in _TAGS]
    return ".".join(parts)[:200]


_EXPECTED = {
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
}


def _what(problem: dict[str, Any], model: type[BaseModel]) -> str:
    """What was expected and what was found: the same words for a query string and for JSON."""
    kind, found, limits = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "missing":
        return "expected a value, found none"
    if kind == "extra_forbidden":
        return f"no such parameter; known: {', '.join(fields_at(model, problem['loc'][:-1]))}"
    if kind in {"string_too_long", "too_long"}:
        unit = "characters" if kind == "string_too_long" else "entries"
        return f"expected at most {limits['max_length']} {unit}, found {len(found)}"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind].format(**limits)}, found {_shown(found)}"
    return str(problem["msg"]).removeprefix("Value error, ")


def _shown(value: object) -> str:
    """The beginning of a value: an error is not larger than what it speaks of."""
    text = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= 2 * _SHOWN else f"{text[: 2 * _SHOWN]}…"


def fields_at(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The fields of the model that stands at this place of another one's values."""
    for part in location:
        info = model.model_fields.get(str(part))
        if info is not None:
            model = next(_models_in(info.annotation), model)
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
