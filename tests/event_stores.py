"""Stores of events: of both kinds of databases, empty."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shortlist.events.event import Event, EventType
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.store import EventStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
_LIKE = Event(event_id="e", type=EventType.LIKE, item_id="7", at=NOON)
_ANSWER = LoggedQuery(
    query_id="q", at=NOON, kind=QueryKind.SEARCH, version="v1", profile="default", k=3, offset=0,
    n_results=3, matched=100, took_ms=4.5, shown=("7", "8", "9"), no_good_match=False,
)  # fmt: skip


def event(event_id: str, *, after_s: float = 0, **more: Any) -> Event:
    """A like of item 7, so many seconds after noon."""
    return replace(_LIKE, event_id=event_id, at=NOON + timedelta(seconds=after_s), **more)


def answer(query_id: str, *, after_s: float = 0, **more: Any) -> LoggedQuery:
    """An answer that shows 7, 8 and 9, so many seconds after noon."""
    return replace(_ANSWER, query_id=query_id, at=NOON + timedelta(seconds=after_s), **more)


TEXTS = ["space travel", "a robot left alone on earth", "comedy", "xyzzy", "love in the rain"]


def a_month(store: EventStore) -> None:
    """Searches of the last thirty days, more each week, of which some are clicked."""
    rng, now = random.Random(1), datetime.now(UTC)
    answers, clicks = [], []
    for day in range(30):
        for number in range(5 + (29 - day) // 2 + rng.randrange(8)):
            text = TEXTS[min(rng.randrange(5), rng.randrange(5))]
            name = f"q{day}-{number}"
            found = text != "xyzzy"
            at = now - timedelta(days=day, minutes=1 + number)
            answers.append(
                replace(
                    _ANSWER, query_id=name, at=at, text=text,
                    took_ms=2 + rng.expovariate(0.5), profile="tuned" if number % 3 else "notebook",
                    n_results=3 * found, shown=_ANSWER.shown if found else (),
                    no_good_match=not found,
                )
            )  # fmt: skip
            if found and rng.random() < 0.6:
                clicks.append(
                    Event(
                        event_id=f"c{name}", type=EventType.CLICK, item_id="7", at=at, session="s",
                        query_id=name, rank=1 + rng.randrange(3),
                    )
                )  # fmt: skip
    store.append_groups([clicks], answers)


@pytest.fixture
def sqlite_events(tmp_path: Path) -> str:
    """The url of a store in a file that is not there yet."""
    return f"sqlite:///{tmp_path}/events.db"


@pytest.fixture(params=["postgresql", "sqlite"])
def events_url(request: pytest.FixtureRequest) -> str:
    """The url of an empty store of each kind."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_events"))
    return str(request.getfixturevalue("postgresql").url)


@pytest.fixture
def event_store(events_url: str) -> Iterator[EventStore]:
    """An empty store of each kind, closed in the end."""
    store = EventStore.open(events_url)
    yield store
    store.close()
