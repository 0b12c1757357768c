"""Values to queries, and what is wrong with them in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from shortlist.engine.conditions import shown
from shortlist.engine.query import MAX_TOLD
from shortlist.errors import InvalidParameter, MalformedRequest

_TAGS = frozenset({"[key]", "id", "rated"})

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
        return f"expected {_EXPECTED[kind].format(**limits)}, found {shown(found)}"
    return str(problem["msg"]).removeprefix("Value error, ")


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
