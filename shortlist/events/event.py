"""One thing that somebody did with an item."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shortlist.bundle.tables import CANONICAL_INTEGER, ItemId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INTEGER = re.compile(CANONICAL_INTEGER)


class EventType(StrEnum):
    """What was done: an item was shown, opened, judged, bought, or looked at for itself."""

    IMPRESSION = "impression"
    CLICK = "click"
    LIKE = "like"
    DISLIKE = "dislike"
    RATING = "rating"
    PURCHASE = "purchase"
    VIEW = "view"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, known by its id: a second one with the same id is the same.

    `user` is the user key, see `Pseudonyms`; `session` names a visit. `value` is that of a rating.
    `query_id` names the answer that the item stood in, `rank` its place there, from 1. `at` is in
    UTC, to the microsecond. What a store gives has its item id as text, see `item_id_of`.
    """

    event_id: str
    type: EventType
    item_id: ItemId
    at: datetime
    user: str | None = None
    session: str | None = None
    value: float | None = None
    query_id: str | None = None
    rank: int | None = None


def item_id_of(text: str, *, integers: bool) -> ItemId | None:
    """An item id of a store as the catalogue types it; None for one that no item of it can have."""
    if not integers:
        return text
    return int(text) if _INTEGER.fullmatch(text) else None


def micros_of(at: datetime) -> int:
    """Microseconds from 1970, UTC. The time must have its zone."""
    return (at - _EPOCH) // _MICROSECOND


def time_at(micros: int) -> datetime:
    """The time so many microseconds from 1970, in UTC."""
    return _EPOCH + micros * _MICROSECOND
