"""An answer as the store remembers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shortlist.events.event import Event


class QueryKind(StrEnum):
    """What an answer was asked for by; a search that was not answered has `failed`."""

    SEARCH = "search"
    SIMILAR = "similar"
    RECOMMEND = "recommend"
    POPULAR = "popular"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedQuery:
    """One answer: what it was made with, and which items it showed in which order.

    `text` and `request` (the query as JSON, without its user, to be asked again) are None where
    texts are not to be kept. `user` is the user key. `offset` results came before those `shown`,
    ids as text. `variant` is the side of an experiment that answered; where the list is interleaved
    it is None and `teams` has a letter for each place, A, B, or - for neither. `outcomes` are the
    events that name this answer, in the order of their times; only a store that reads it knows
    them.
    """

    query_id: str
    at: datetime
    kind: QueryKind
    version: str
    profile: str
    k: int
    offset: int
    n_results: int
    matched: int
    took_ms: float
    shown: tuple[str, ...]
    no_good_match: bool | None = None
    text: str | None = None
    request: str | None = None
    experiment: str | None = None
    variant: str | None = None
    teams: str | None = None
    user: str | None = None
    session: str | None = None
    outcomes: tuple[Event, ...] = ()
