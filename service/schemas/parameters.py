"""Query strings: what the parameters of GET requests may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shortlist.bundle.manifest import FEATURES, TASTE_FEATURES
from shortlist.engine import PopularQuery, SearchQuery, SimilarQuery, SuggestQuery
from shortlist.engine.filters import Filter, Range
from shortlist.errors import InvalidParameter, MalformedRequest

MAX_ID_LENGTH = 256
MAX_LISTED = 1000
MAX_TOLD = 20
"""Errors told of one request: its answer must not be larger than what it sent."""

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?")
_RANGE = re.compile(r"(?P<name>.+):(?P<low>[^:]*):(?P<high>[^:]*)", re.DOTALL)
_MAX_PAIRS = 2 * MAX_LISTED


def _integer(value: Any) -> Any:
    """Only plain digits: Python and pydantic would also take `1_0`, ` 10 ` and `10.0`."""
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ValueError(f"expected an integer, found {value[:40]!r}")
    return value


def _number(value: Any) -> Any:
    """Only decimal notation: Python and pydantic would also take `1_0`, ` 1 `, `+1` and `nan`."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(f"expected a number, found {value[:40]!r}")
    return value


def _boolean(value: Any) -> Any:
    if isinstance(value, str):
        if value not in {"true", "false"}:
            raise ValueError(f"expected true or false, found {value[:40]!r}")
        return value == "true"
    return value


def _range(value: Any) -> Any:
    """`year:1990:1999`; a bound may be left out."""
    if isinstance(value, str):
        match = _RANGE.fullmatch(value)
        if match is None or not all(not b or _NUMBER.fullmatch(b) for b in match.group(2, 3)):
            raise ValueError(f"expected attribute:low:high, found {value[:80]!r}")
    return value


Integer = Annotated[int, BeforeValidator(_integer)]
Count = Annotated[int, BeforeValidator(_integer), Field(ge=0)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Weight = Annotated[float, BeforeValidator(_number), Field(ge=0, le=10, allow_inf_nan=False)]
Share = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1, allow_inf_nan=False)]
Boolean = Annotated[bool, BeforeValidator(_boolean)]
RangeText = Annotated[str, BeforeValidator(_range)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
Names = Annotated[list[str], Field(max_length=MAX_LISTED)]
Ids = Annotated[list[Id], Field(max_length=MAX_LISTED)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListParameters(_Parameters):
    """What every list of results takes."""

    k: Integer | None = Field(None, description="How many results; 10 unless given.")
    n_candidates: Integer | None = Field(None, description="How many items are ranked, k to 1000.")
    category: Names = Field([], description="At least one of these categories; may be repeated.")
    category_all: Names = Field([], description="All of these categories; may be repeated.")
    category_none: Names = Field([], description="None of these categories; may be repeated.")
    range: list[RangeText] = Field(
        [], max_length=100, description="attribute:low:high, a bound may be empty; repeatable."
    )
    min_rating_count: Count | None = Field(None, description="At least so many ratings.")
    min_mean_rating: Number | None = Field(None, description="At least this mean rating.")
    include_id: Ids = Field([], description="Only these items; may be repeated.")
    exclude_id: Ids = Field([], description="Without these items; may be repeated.")
    diversity: Share = Field(0.0, description="0 orders by score alone, 1 by variety alone.")
    min_score: Number | None = Field(None, description="Results below this score are left out.")
    explain: Boolean = Field(False, description="Say what would move each result.")
    facet: Names = Field([], description="`categories` or a numeric attribute to count.")
    cursor: str | None = Field(None, description="The `next` of the answer before.")

    def options(self) -> dict[str, Any]:
        """The engine's options."""
        return {
            "k": self.k,
            "n_candidates": self.n_candidates,
            "filter": self.filter(),
            "diversity": self.diversity,
            "min_score": self.min_score,
            "explain": self.explain,
            "facets": tuple(self.facet),
            "cursor": self.cursor,
        }

    def filter(self) -> Filter:
        """The filter that these parameters describe."""
        return Filter(
            any_of=tuple(self.category),
            all_of=tuple(self.category_all),
            none_of=tuple(self.category_none),
            ranges=dict(map(_parsed_range, self.range)),
            min_rating_count=self.min_rating_count,
            min_mean_rating=self.min_mean_rating,
            include=tuple(self.include_id) if self.include_id else None,
            exclude=tuple(self.exclude_id),
        )


def _parsed_range(text: str) -> tuple[str, Range]:
    match = _RANGE.fullmatch(text)
    assert match is not None
    low, high = (float(bound) if bound else None for bound in match.group("low", "high"))
    return match["name"], Range(low, high)


class PopularParameters(ListParameters):
    """The parameters of GET /v1/popular."""

    def to_query(self) -> PopularQuery:
        """The list that these parameters ask for."""
        return PopularQuery(**self.options())


class RankedParameters(ListParameters):
    """What every ranked list takes."""

    n_popular: Integer | None = Field(None, description="How many popular items are ranked too.")
    profile: str | None = Field(None, description="A named set of weights.")
    w_similarity: Weight | None = None
    w_popularity: Weight | None = None
    w_expected_popularity: Weight | None = None
    w_rating_volume: Weight | None = None
    w_rating_percentile: Weight | None = None
    w_recency: Weight | None = None
    w_title_match: Weight | None = None
    w_title_prefix: Weight | None = None

    def options(self) -> dict[str, Any]:
        """The engine's options."""
        weights = {feature: getattr(self, f"w_{feature}", None) for feature in FEATURES}
        return {
            **super().options(),
            "n_popular": self.n_popular,
            "profile": self.profile,
            "weights": {name: weight for name, weight in weights.items() if weight is not None},
        }


class SearchParameters(RankedParameters):
    """The parameters of GET /v1/search."""

    q: str = Field(description="The text; blank with a filter lists by popularity.")

    def to_query(self) -> SearchQuery:
        """The search these parameters ask for."""
        return SearchQuery(self.q, **self.options())


class SimilarParameters(RankedParameters):
    """The parameters of GET /v1/items/{item_id}/similar."""

    n_neighbours: Integer | None = Field(
        None, description="How many items join that the same people like, where they weigh."
    )
    w_collaborative: Weight | None = None
    w_co_liked: Weight | None = None

    def options(self) -> dict[str, Any]:
        """The engine's options."""
        return {**super().options(), "n_neighbours": self.n_neighbours}

    def to_query(self, item_id: str) -> SimilarQuery:
        """The list that these parameters ask for."""
        return SimilarQuery(item_id, **self.options())


class PageParameters(SimilarParameters):
    """What the page's address may say; what else stands there is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    q: str = ""
    like: Id | None = None
    taste: Boolean = False

    def to_search(self) -> SearchQuery:
        """The search that the address asks for; what only a taste has is left out."""
        options = self.options()
        weights = {
            name: weight
            for name, weight in options["weights"].items()
            if name not in TASTE_FEATURES
        }
        return SearchQuery(self.q, **{**options, "weights": weights})


class SuggestParameters(_Parameters):
    """The parameters of GET /v1/suggest."""

    q: str = Field(description="The beginning of a title.")
    k: Integer = Field(8, description="How many completions, 1 to 50.")

    def to_query(self) -> SuggestQuery:
        """The completions these parameters ask for."""
        return SuggestQuery(text=self.q, k=self.k)


class NoParameters(_Parameters):
    """For requests without any."""


P = TypeVar("P", bound=BaseModel)


def parse_parameters(model: type[P], query_string: bytes) -> P:
    """The parameters in a raw query string.

    Raises MalformedRequest when it is not UTF-8 percent-encoding, InvalidParameter naming every
    parameter that is missing, unknown, given twice or out of range.
    """
    try:
        return model.model_validate(_read(query_string, model))
    except ValidationError as error:
        raise InvalidParameter.several(explained(error, model)) from error


def explained(error: ValidationError, model: type[BaseModel]) -> dict[str, str]:
    """The first fields that are wrong, and what is wrong with each."""
    problems = error.errors(include_url=False, include_input=False)[:MAX_TOLD]
    return {_where(problem): _what(problem, model) for problem in map(dict, problems)}


def _read(query_string: bytes, model: type[BaseModel]) -> Mapping[str, str | list[str]]:
    try:
        pairs = parse_qsl(
            query_string.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PAIRS,
        )
    except UnicodeDecodeError as error:
        raise MalformedRequest(
            f"the query string is not UTF-8 percent-encoding: {error}"
        ) from error
    except ValueError as error:
        raise MalformedRequest(f"the query string cannot be parsed: {error}") from error
    repeatable = _repeatable(model)
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in repeatable:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise InvalidParameter(name, "expected once, found twice")
        else:
            values[name] = value
    return values


@cache
def _repeatable(model: type[BaseModel]) -> frozenset[str]:
    """The parameters that may stand more than once."""
    fields = model.model_fields.items()
    return frozenset(name for name, info in fields if get_origin(info.annotation) is list)


def _where(problem: dict[str, Any]) -> str:
    return ".".join(str(part)[:80] for part in problem["loc"])[:200]


def _what(problem: dict[str, Any], model: type[BaseModel]) -> str:
    known = ", ".join(model.model_fields)
    messages = {
        "extra_forbidden": f"no such parameter; known: {known}",
        "missing": "expected a value, found none",
    }
    message = str(problem["msg"]).removeprefix("Value error, ")
    return messages.get(problem["type"], message)
