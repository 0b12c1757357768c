"""Requests to queries: how a query string spells what a JSON body says, and both read alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shortlist.bundle.attributes import TIME_TEXT
from shortlist.engine.conditions import MAX_LISTED, Attributes, Categories, Filters, Phrases
from shortlist.engine.features import FEATURES
from shortlist.engine.query import NoQuery
from shortlist.engine.query_reading import read_query
from shortlist.errors import InvalidParameter, MalformedRequest

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?")
_BOUND = rf"{_NUMBER.pattern}|{TIME_TEXT}|"
_RANGE = re.compile(rf"(?P<name>.+?):(?P<min>{_BOUND}):(?P<max>{_BOUND})", re.DOTALL | re.ASCII)
_MAX_PAIRS = 2 * MAX_LISTED

RANGES = ("filters", "ranges")
NEAR = ("filters", "near")
VALUES = (("filters", "attributes", "any"), ("filters", "attributes", "none"))
_FROM_PATH = {"item_id", "user"}
"""What stands in the path where a query needs it."""
_IN_BODIES = {"all_of", "any_of", "none_of"}
"""What no query string says."""

_SPELLED: dict[tuple[str, ...], str] = {
    **{("weights", name): f"w_{name}" for name in FEATURES},
    ("filters", "categories", "any"): "category",
    ("filters", "categories", "all"): "category_all",
    ("filters", "categories", "none"): "category_none",
    ("filters", "attributes", "any"): "attr",
    ("filters", "attributes", "none"): "attr_none",
    ("filters", "words", "all"): "words_all",
    ("filters", "words", "none"): "words_none",
    RANGES: "range",
    NEAR: "near",
    ("filters", "include_ids"): "include_id",
    ("filters", "exclude_ids"): "exclude_id",
    ("facets",): "facet",
}
"""What a query string calls otherwise than a body does; a list is given by repeating its name."""


@dataclass(frozen=True)
class Spelling:
    """Where the value of a parameter goes in a query, and the field that says what it may be."""

    path: tuple[str, ...]
    field: FieldInfo
    repeats: bool


@cache
def spellings(model: type[BaseModel]) -> dict[str, Spelling]:
    """The parameters of a query string for a query, by name, those that it needs first."""
    named = {
        _SPELLED.get(path, path[-1]): Spelling(
            path,
            field,
            repeats=path in {RANGES, *VALUES} or tuple in _plain_types(field.annotation),
        )
        for path, field in _fields(model, ())
        if not (path[0] in _FROM_PATH and field.is_required())
    }
    return dict(sorted(named.items(), key=lambda one: not one[1].field.is_required()))


def _fields(
    model: type[BaseModel], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every field that holds a value, below the models that group them."""
    for name, field in model.model_fields.items():
        path = (*above, name)
        if name in _IN_BODIES:
            continue
        if field.annotation in {Filters, Categories, Phrases, Attributes}:
            yield from _fields(field.annotation, path)
        elif path == ("weights",):
            weight = FieldInfo.from_annotation(get_args(field.annotation)[1])
            weight.default = None
            for feature in FEATURES:
                yield (*path, feature), weight
        else:
            yield path, field


def _plain_types(annotation: Any) -> set[Any]:
    """What an annotation comes down to: `int | None` to int, a tuple of ids to a tuple."""
    if hasattr(annotation, "__metadata__"):
        return _plain_types(annotation.__origin__)
    origin = get_origin(annotation)
    if origin is tuple or not get_args(annotation):
        return {origin or annotation} - {type(None)}
    return {kind for inner in get_args(annotation) for kind in _plain_types(inner)}


Q = TypeVar("Q", bound=BaseModel)


def read_parameters(
    model: type[Q], query_string: bytes, *, lenient: bool = False, **from_path: Any
) -> Q:
    """The query in a raw query string; `lenient` passes over parameters that it does not have.

    Raises MalformedRequest when it is not UTF-8 percent-encoding, InvalidParameter naming every
    parameter that is missing, unknown, given twice or out of range.
    """
    known = spellings(model)
    values: dict[str, Any] = dict(from_path)
    wrong: dict[str, str] = {}
    for name, text in _pairs(query_string):
        if name in known:
            _put(values, name, known[name], text)
        elif not lenient:
            wrong[name[:80]] = f"no such parameter; known: {', '.join(known)}"
    try:
        query = read_query(model, values)
    except InvalidParameter as error:
        wrong = {**error.fields, **wrong}
    if wrong:
        raise InvalidParameter.several(wrong)
    return query


def spelled(error: InvalidParameter) -> InvalidParameter:
    """The error with its fields called as in a query string."""
    return InvalidParameter.several({_spelled(name): text for name, text in error.fields.items()})


def _spelled(field: str) -> str:
    parts = tuple(field.split("."))
    named = (name for path, name in _SPELLED.items() if parts[: len(path)] == path)
    return next(named, parts[-2] if len(parts) > 1 and parts[-1].isdigit() else parts[-1])


def _put(values: dict[str, Any], name: str, spelling: Spelling, text: str) -> None:
    """Put a parameter's value where the query has it."""
    *above, last = spelling.path
    for part in above:
        values = values.setdefault(part, {})
    if spelling.path == RANGES:
        values.setdefault(last, {}).update(_range(text))
    elif spelling.path == NEAR and last not in values:
        values[last] = _near(text)
    elif spelling.path in VALUES:
        attribute, value = _attribute(name, text)
        values.setdefault(last, {}).setdefault(attribute, []).append(value)
    elif spelling.repeats:
        values.setdefault(last, []).append(text)
    elif last in values:
        raise InvalidParameter(name, "expected once, found twice")
    else:
        values[last] = _value(text, _plain_types(spelling.field.annotation))


def _value(text: str, kinds: set[Any]) -> object:
    """The value that a text stands for, else the text, which the query then refuses.

    Only plain digits and decimal notation count: Python would also take `1_0`, ` 10 ` and `nan`.
    """
    if kinds == {int} and _INTEGER.fullmatch(text):
        return int(text)
    if kinds == {float} and _NUMBER.fullmatch(text):
        return float(text)
    if kinds == {bool}:
        return {"true": True, "false": False}.get(text, text)
    return text


def _attribute(name: str, text: str) -> tuple[str, str]:
    """`brand:Nike`; the value may hold colons."""
    attribute, colon, value = text.partition(":")
    if not colon:
        raise InvalidParameter(name, f"expected attribute:value, found {text[:80]!r}")
    return attribute, value


def _range(text: str) -> Mapping[str, Mapping[str, float | str]]:
    """`year:1990:1999`; a bound may be left out."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise InvalidParameter("range", f"expected attribute:low:high, found {text[:80]!r}")
    bounds = {"min": match["min"], "max": match["max"]}
    return {match["name"]: {name: _bound(bound) for name, bound in bounds.items() if bound}}


def _bound(text: str) -> float | str:
    """A number, where an integer stays one, however large; or a date or a time."""
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if set(text) & set(".eE") else int(text)


def _near(text: str) -> dict[str, float | str]:
    """`52.5:13.4:10`, a point and kilometres around it, or `52.5:13.4`; the attribute in front."""
    parts = text.split(":")
    numbers = [part for part in parts[-3:] if _NUMBER.fullmatch(part)]
    name = ":".join(parts[: len(parts) - len(numbers)])
    if len(numbers) < 2 or parts[-len(numbers) :] != numbers:
        raise InvalidParameter("near", f"expected latitude:longitude:km, found {text[:80]!r}")
    named = dict(zip(("lat", "lon", "km"), map(float, numbers), strict=False))
    return {**named, "attribute": name} if name else dict(named)


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
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


def refuse_parameters(query_string: bytes) -> None:
    """Raises InvalidParameter for a request that takes none and has some."""
    read_parameters(NoQuery, query_string)
