"""Events and answers as rows of the store, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from shortlist.events.event import Event, EventType, micros_of, time_at
from shortlist.events.logged import LoggedQuery, QueryKind

Row = Mapping[str, Any]

_AS_THEY_ARE = [
    one.name
    for one in fields(LoggedQuery)
    if one.name not in {"at", "kind", "shown", "user", "outcomes"}
]


def event_row(event: Event, *, received: datetime) -> Row:
    """An event as the table `events` has it."""
    return {
        "event_id": event.event_id,
        "type": event.type.value,
        "item_id": str(event.item_id),
        "user_key": event.user,
        "session": event.session,
        "value": event.value,
        "query_id": event.query_id,
        "rank": event.rank,
        "at": micros_of(event.at),
        "received": micros_of(received),
    }


def event_of(row: Row) -> Event:
    """The event in a row."""
    return Event(
        event_id=row["event_id"],
        type=EventType(row["type"]),
        item_id=row["item_id"],
        user=row["user_key"],
        session=row["session"],
        value=row["value"],
        query_id=row["query_id"],
        rank=row["rank"],
        at=time_at(row["at"]),
    )


def query_row(query: LoggedQuery) -> Row:
    """An answer as the table `queries` has it."""
    return {
        **{name: getattr(query, name) for name in _AS_THEY_ARE},
        "text": None if query.text is None else _storable(query.text),
        "at": micros_of(query.at),
        "kind": query.kind.value,
        "shown": json.dumps(query.shown),
        "user_key": query.user,
    }


def query_of(row: Row, outcomes: Sequence[Event]) -> LoggedQuery:
    """The answer in a row, with its outcomes."""
    return LoggedQuery(
        **{name: row[name] for name in _AS_THEY_ARE},
        at=time_at(row["at"]),
        kind=QueryKind(row["kind"]),
        shown=tuple(json.loads(row["shown"])),
        user=row["user_key"],
        outcomes=tuple(outcomes),
    )


def _storable(text: str) -> str:
    """The text without what no database takes: halves of surrogates, and the character 0."""
    return text.encode(errors="replace").decode().replace("\0", "�")
