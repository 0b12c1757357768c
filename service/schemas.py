"""Request and response models: what HTTP parameters may be, and how answers become JSON."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from indexing.bundle.manifest import FEATURES
from indexing.errors import InvalidParameter, MalformedRequest
from service.engine import SearchAnswer, SearchQuery, SuggestAnswer, SuggestQuery

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?")


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


Integer = Annotated[int, BeforeValidator(_integer)]
Weight = Annotated[float, BeforeValidator(_number), Field(ge=0, le=10, allow_inf_nan=False)]


class SearchParameters(BaseModel):
    """The parameters of GET /v1/search."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: str
    k: Integer | None = None
    n_candidates: Integer | None = None
    n_popular: Integer | None = None
    profile: str | None = None
    w_similarity: Weight | None = None
    w_popularity: Weight | None = None
    w_expected_popularity: Weight | None = None
    w_rating_volume: Weight | None = None
    w_rating_percentile: Weight | None = None
    w_recency: Weight | None = None
    w_title_match: Weight | None = None
    w_title_prefix: Weight | None = None

    def to_query(self) -> SearchQuery:
        """The search these parameters ask for."""
        weights = {feature: getattr(self, f"w_{feature}") for feature in FEATURES}
        return SearchQuery(
            text=self.q,
            k=self.k,
            n_candidates=self.n_candidates,
            n_popular=self.n_popular,
            profile=self.profile,
            weights={name: weight for name, weight in weights.items() if weight is not None},
        )


class SuggestParameters(BaseModel):
    """The parameters of GET /v1/suggest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: str
    k: Integer = 8

    def to_query(self) -> SuggestQuery:
        """The completions these parameters ask for."""
        return SuggestQuery(text=self.q, k=self.k)


def parse_search(query_string: bytes) -> SearchQuery:
    """The search in a raw query string.

    Raises MalformedRequest when it is not UTF-8 percent-encoding, InvalidParameter naming every
    parameter that is missing, unknown, given twice or out of range.
    """
    return _parse(SearchParameters, query_string).to_query()


def parse_suggest(query_string: bytes) -> SuggestQuery:
    """The completions asked for in a raw query string; raises as `parse_search` does."""
    return _parse(SuggestParameters, query_string).to_query()


def encode_answer(answer: SearchAnswer) -> bytes:
    """The answer as JSON."""
    return _ANSWER.dump_json(answer)


def encode_suggestions(answer: SuggestAnswer) -> bytes:
    """The suggestions as JSON."""
    return _SUGGESTIONS.dump_json(answer)


_ANSWER = TypeAdapter(SearchAnswer)
_SUGGESTIONS = TypeAdapter(SuggestAnswer)

P = TypeVar("P", bound=BaseModel)


def _parse(model: type[P], query_string: bytes) -> P:
    values = _parse_query_string(query_string)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InvalidParameter.several(
            {_where(problem): _what(problem, model) for problem in map(dict, error.errors())}
        ) from error


def _parse_query_string(query_string: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query_string.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=100,
        )
    except UnicodeDecodeError as error:
        raise MalformedRequest(
            f"the query string is not UTF-8 percent-encoding: {error}"
        ) from error
    except ValueError as error:
        raise MalformedRequest(f"the query string cannot be parsed: {error}") from error
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise InvalidParameter(name, "expected once, found twice")
        values[name] = value
    return values


def _where(problem: dict[str, Any]) -> str:
    return ".".join(str(part) for part in problem["loc"])


def _what(problem: dict[str, Any], model: type[BaseModel]) -> str:
    known = ", ".join(model.model_fields)
    messages = {
        "extra_forbidden": f"no such parameter; known: {known}",
        "missing": "expected a value, found none",
    }
    message = str(problem["msg"]).removeprefix("Value error, ")
    return messages.get(problem["type"], message)
