"""What a request that brings events says, and what is wrong with it by field."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import pydantic
from pydantic import Field, WithJsonSchema

from shortlist.bundle.attributes import time_of
from shortlist.bundle.ids import id_problem
from shortlist.engine.conditions import Finite, Id, Options, shown
from shortlist.engine.query import MAX_TOLD
from shortlist.engine.query_reading import read_query
from shortlist.errors import InvalidParameter, MalformedRequest
from shortlist.events.event import Event, EventType, micros_of, time_at
from shortlist.events.person import Pseudonyms

MOST_TOGETHER = 1000
MOST_AHEAD = timedelta(minutes=10)
"""A client's clock may run so far ahead of the service's."""

_TYPES = {one.value: one for one in EventType}
_NAME = re.compile(r"[!-~]{1,64}")
_MOST_USER = 256
_MOST_RANK = 100_000


def _name(value: object) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise ValueError(
        f"expected 1 to 64 visible characters of ASCII without blanks, found {shown(value)}"
    )


def _user(value: object) -> str:
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and 1 <= len(text) <= _MOST_USER and text.isprintable():
        return text
    raise ValueError(
        f"expected an integer or 1 to {_MOST_USER} printable characters, found {shown(value)}"
    )


def _type(value: object) -> EventType:
    if isinstance(value, str) and value in _TYPES:
        return _TYPES[value]
    raise ValueError(f"expected one of: {', '.join(EventType)}, found {shown(value)}")


def _time(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError(f"expected a time in ISO 8601, found {shown(value)}")
    at, latest = time_of(value)[0], datetime.now(UTC) + MOST_AHEAD
    if not 0 <= at <= micros_of(latest):
        raise ValueError(f"expected a time from 1970 to now, found {shown(value)}")
    return time_at(at)


def _text(least: int, most: int, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": least, "maxLength": most, **more})


Name = Annotated[str, pydantic.PlainValidator(_name), _text(1, 64, pattern="^[!-~]+$")]
User = Annotated[
    str,
    pydantic.PlainValidator(_user),
    WithJsonSchema({"type": ["integer", "string"], "minLength": 1, "maxLength": _MOST_USER}),
]
Type = Annotated[
    EventType,
    pydantic.PlainValidator(_type),
    WithJsonSchema({"type": "string", "enum": list(EventType)}),
]
Time = Annotated[
    datetime,
    pydantic.PlainValidator(_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class EventBody(Options):
    """Something that somebody did with an item. It needs a `user_id` or a `session_id`."""

    type: Type
    item_id: Id = Field(description="An item; one that is not in the catalogue counts for nothing.")
    event_id: Name | None = Field(
        default=None,
        description="Names the event: sent again it is stored once. Without one it is stored anew.",
    )
    user_id: User | None = Field(default=None, description="Who did it.")
    session_id: Name | None = Field(default=None, description="The visit in which it was done.")
    at: Time | None = Field(
        default=None, description="When, in ISO 8601, UTC unless it names a zone; now if not given."
    )
    value: Finite | None = Field(default=None, description="Of a rating, which needs it.")
    query_id: Name | None = Field(default=None, description="The answer that the item stood in.")
    rank: Annotated[int, Field(ge=1, le=_MOST_RANK)] | None = Field(
        default=None, description="Its place there, from 1."
    )


class EventsBody(Options):
    """Events, in any order."""

    events: Annotated[list[EventBody], Field(min_length=1, max_length=MOST_TOGETHER)]


@dataclass(frozen=True)
class EventsTaken:
    """How many of the events are new and stored; how many were known already.

    Of somebody who was forgotten since nothing is stored: that counts as known.
    """

    accepted: int
    repeated: int


def read_events(body: bytes, *, integers: bool, pseudonyms: Pseudonyms) -> list[Event]:
    """The events in a body, for a catalogue whose ids are integers or texts.

    Raises MalformedRequest for what is no JSON, InvalidParameter naming the first 20 fields that
    are wrong (`events.3.item_id`).
    """
    whole = _decoded(body)
    _refuse(_twice(whole))
    given = read_query(EventsBody, whole).events
    _refuse(
        (f"events.{place}.{name}", said)
        for place, one in enumerate(given)
        for name, said in _problems_of(one, integers=integers)
    )
    now = datetime.now(UTC)
    return [_event(one, now, pseudonyms) for one in given]


def _event(given: EventBody, now: datetime, pseudonyms: Pseudonyms) -> Event:
    return Event(
        event_id=given.event_id or secrets.token_urlsafe(12),
        type=given.type,
        item_id=given.item_id,
        at=given.at or now,
        user=None if given.user_id is None else pseudonyms.of(given.user_id),
        session=given.session_id,
        value=given.value,
        query_id=given.query_id,
        rank=given.rank,
    )


def _problems_of(one: EventBody, *, integers: bool) -> Iterator[tuple[str, str]]:
    problem = id_problem(one.item_id, integers=integers)
    if problem is None and "\0" in str(one.item_id):
        problem = "expected text, found the character 0"
    if problem is not None:
        yield "item_id", problem
    if one.user_id is None and one.session_id is None:
        yield "user_id", "expected a user_id or a session_id, found neither"
    is_rating = one.type is EventType.RATING
    if is_rating and one.value is None:
        yield "value", "expected a value of the rating, found none"
    if not is_rating and one.value is not None:
        yield "value", f"expected none for a {one.type}, found {shown(one.value)}"


def _refuse(problems: Iterator[tuple[str, str]]) -> None:
    if first := dict(islice(problems, MAX_TOLD)):
        raise InvalidParameter.several(first)


class _Doubled(dict[str, Any]):
    """An object in which a name stands twice: that one."""

    name: str


def _decoded(body: bytes) -> dict[str, Any]:
    """The object that a body is; NaN and its like are numbers, refused where they stand."""
    try:
        found = json.loads(body.decode(), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"the body is not JSON in UTF-8: {error}") from error
    if not isinstance(found, dict):
        raise InvalidParameter("body", "expected an object")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    doubled = _Doubled(found)
    doubled.name = next(name for name in names if names.count(name) > 1)
    return doubled


def _twice(whole: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The names that stand twice in an object, where they stand."""
    events = whole.get("events")
    inside = enumerate(events) if isinstance(events, list) else ()
    for where, one in (("", whole), *((f"events.{place}.", event) for place, event in inside)):
        if isinstance(one, _Doubled):
            yield f"{where}{one.name[:80]}", "expected once, found twice"
