"""What is counted of searches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many searches there were, and of these: without a result, without a good match.

    `without_click` had results, of which none was opened. `reciprocal_rank` is the mean of 1 / the
    best rank that was opened, 0 where none was, over those with results; None without any. Source:
    Voorhees 1999, the TREC-8 question answering track.
    """

    searches: int
    without_results: int
    without_good_match: int
    without_click: int
    reciprocal_rank: float | None


@dataclass(frozen=True, kw_only=True)
class Day(Counts):
    """The searches of one day, UTC."""

    day: date


@dataclass(frozen=True, kw_only=True)
class Text(Counts):
    """The searches for one text, in whatever case it was written."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Profile(Counts):
    """The searches that one profile ranked; 95 of a hundred took at most `p95_ms`."""

    profile: str
    p95_ms: float


@dataclass(frozen=True, kw_only=True)
class Slow:
    """One of the slowest searches."""

    at: datetime
    text: str | None
    profile: str
    took_ms: float
