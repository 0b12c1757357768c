"""What is known of users at this moment: by the bundle in use, and by the store of events."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from shortlist.bundle.reader import Bundle
from shortlist.engine.person import Person, act_weights, person_of
from shortlist.engine.query import Query
from shortlist.errors import EventStoreError, EventsUnavailable
from shortlist.events.event import Event
from shortlist.events.judgement import WEIGHTS, ratings_of
from shortlist.events.person import Pseudonyms

if TYPE_CHECKING:  # SQLAlchemy is loaded where events are kept, and nowhere else
    from shortlist.events.store import EventStore

KEPT_S = 5.0
"""Seconds for which the events of a user are not read again, unless they come through here."""

_MOST_KEPT, _MOST_EVENTS = 10_000, 1000


class _Known(NamedTuple):
    """The newest events of a user, newest first, and until when they need not be read again."""

    until: float
    events: Sequence[Event]
    is_forgotten: bool


_NOTHING = _Known(0.0, (), is_forgotten=False)


class People:
    """Users, by what the bundle has of them and their newest events. For many threads.

    While the store is away a user is whom the bundle knows, or what was read last.
    """

    def __init__(
        self,
        pseudonyms: Pseudonyms,
        store: Callable[[], EventStore] | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pseudonyms, self._store, self._now = pseudonyms, store, now
        self._kept: OrderedDict[str, _Known] = OrderedDict()
        self._mutex = threading.Lock()

    def person(self, bundle: Bundle, user: str) -> Person:
        """Who a user is."""
        key, info = self.pseudonyms.of(user), bundle.manifest.popularity
        if info is None:
            return person_of(bundle, key)
        known, weights = self._known(key), act_weights(bundle) or WEIGHTS
        newest = ratings_of(known.events, info.scale, weights=weights)
        return person_of(bundle, None if known.is_forgotten else key, newest)

    def asking(self, bundle: Bundle, query: Query) -> Person | None:
        """Who asks a query, None where it names nobody."""
        user = getattr(query, "user", None)
        return None if user is None else self.person(bundle, user)

    def look_again(self, user_keys: Iterable[str]) -> None:
        """Read the events of these users when they are next asked for: there are new ones."""
        with self._mutex:
            for key in user_keys:
                self._kept.pop(key, None)

    def _known(self, key: str) -> _Known:
        """What the store has of a user, or had when it was looked at last."""
        with self._mutex:
            known = self._kept.get(key, _NOTHING)
            if self._store is None or known.until > self._now():
                return known
            looking = self._keep(key, known._replace(until=0.0))
        try:
            store = self._store()
            events, forgotten = store.of_user(key, limit=_MOST_EVENTS), store.is_forgotten(key)
        except (EventStoreError, EventsUnavailable):
            return known
        found = _Known(self._now() + KEPT_S, events, forgotten)
        with self._mutex:
            if self._kept.get(key) is looking:  # else there is news, which this may be without
                self._keep(key, found)
        return found

    def _keep(self, key: str, known: _Known) -> _Known:
        self._kept[key] = known
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return known
