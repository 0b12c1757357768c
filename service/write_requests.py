"""What a request that changes items says, and what is wrong with it by field."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, RootModel, WithJsonSchema

from shortlist.bundle.changes import MOST_TOGETHER, decode_line, problems_of_items
from shortlist.bundle.intake import Intake
from shortlist.engine.conditions import Options
from shortlist.engine.query import MAX_TOLD
from shortlist.engine.query_reading import read_query
from shortlist.errors import InvalidParameter, MalformedRequest

_MOST_UNKNOWN = 10
"""Unknown columns of an item that are named one by one: each is told beside all that are known."""

_PACE, _LONGEST_PAUSE_S = 8, 0.01

V = TypeVar("V")

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_ITEM: dict[str, Any] = {
    "type": "object",
    "description": "Columns by the catalogue's own names; `tags` are a list.",
    "minProperties": 1,
    "additionalProperties": {
        "anyOf": [_SCALAR, {"type": "array", "items": {"type": ["string", "number", "boolean"]}}]
    },
}


class WriteQuery(Options):
    """How a change is answered."""

    wait: Literal["visible"] | None = Field(
        None,
        description="`visible` waits until this service answers with the change, or for the time "
        "that a request may take: 200 then, else 202.",
    )


class ItemsBody(Options):
    """Whole items: each replaces the one that has its id, or is new."""

    items: Annotated[
        list[Annotated[Any, WithJsonSchema(_ITEM)]], Field(min_length=1, max_length=MOST_TOGETHER)
    ]


class ItemPatch(RootModel[Annotated[Any, WithJsonSchema(_ITEM)]]):
    """New values of some columns of an item; null takes a value away."""


def read_items(body: bytes, intake: Intake) -> list[dict[str, Any]]:
    """The sound items of a body.

    Raises MalformedRequest for what is no JSON, InvalidParameter naming the first 20 fields that
    are wrong (`items[3].price`).
    """
    text = _text(body)
    found = _one_by_one(text)
    items = read_query(ItemsBody, {"items": found} if found else _object(text)).items
    _refuse(dict(_of_many_unknown(intake, items)))
    if any(intake.problems_of(item) for item in paced(items)):
        _refuse(problems_of_items(intake, items))
    return items


def paced(values: Iterable[V]) -> Iterator[V]:
    """The values, with a pause after some of them, as long as what was done with these took.

    What reads or writes them takes half a processor at most, less where others want it: searches go
    first.
    """
    began = time.perf_counter()
    for place, value in enumerate(values, 1):
        yield value
        if place % _PACE == 0:
            time.sleep(min(_LONGEST_PAUSE_S, time.perf_counter() - began))
            began = time.perf_counter()


def read_patch(body: bytes, intake: Intake) -> dict[str, Any]:
    """The sound new values of some columns. Raises as `read_items` does."""
    values = _object(_text(body))
    _refuse(dict(_of_many_unknown(intake, [values])))
    _refuse(intake.problems_of_patch(values))
    return values


def _refuse(problems: dict[str, str]) -> None:
    if problems:
        first = islice(problems.items(), MAX_TOLD)
        raise InvalidParameter.several({name[:200]: said for name, said in first})


def _of_many_unknown(intake: Intake, items: list[Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with items of which so much is unknown that it is not told one by one."""
    known = set(intake.names)
    for place, item in enumerate(items):
        n_unknown = len(item.keys() - known) if isinstance(item, dict) else 0
        if n_unknown > _MOST_UNKNOWN:
            yield f"items[{place}]", f"expected columns of the catalogue, found {n_unknown} others"


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"the body is not JSON in UTF-8: {error}") from error


def _object(text: str) -> dict[str, Any]:
    try:
        found = decode_line(text)
    except ValueError as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidParameter("body", "expected an object")
    return found


_BEGIN = re.compile(r'[ \t\n\r]*\{[ \t\n\r]*"items"[ \t\n\r]*:[ \t\n\r]*\[[ \t\n\r]*')
_BEHIND = re.compile(r"[ \t\n\r]*(?:(,)|\][ \t\n\r]*\}[ \t\n\r]*\Z)[ \t\n\r]*")


def _one_by_one(text: str) -> list[Any]:
    """The items of a plain body; none for anything else, which is read in one go.

    Other threads wait while one value is read, and a thousand items take as long as some searches.
    """
    items: list[Any] = []
    behind = _BEGIN.match(text)
    try:
        for _ in paced(range(MOST_TOGETHER + 1)):
            if behind is None:
                return []
            item, end = _decoder.raw_decode(text, behind.end())
            items.append(item)
            behind = _BEHIND.match(text, end)
            if behind is not None and not behind[1]:
                break
    except (ValueError, RecursionError):
        return []
    return items


def _no_number(written: str) -> None:
    raise ValueError(f"{written} is no number of JSON")


_decoder = json.JSONDecoder(parse_constant=_no_number)
