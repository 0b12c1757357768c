"""Bodies of events read, and what is sound in them written with the answers that people got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from service.event_requests import read_events
from shortlist.errors import QueryError
from shortlist.events.event import Event
from shortlist.events.logged import LoggedQuery
from shortlist.events.person import Pseudonyms

if TYPE_CHECKING:  # SQLAlchemy is loaded where events are kept, and nowhere else
    from shortlist.events.store import EventStore

T = TypeVar("T")


class Sent(NamedTuple):
    """The body of a request that brings events, for a catalogue whose ids are integers or not."""

    body: bytes
    integers: bool


class Taken(NamedTuple):
    """How many events of a request were new, how many not, and the user keys that they name."""

    accepted: int
    repeated: int
    user_keys: frozenset[str]


class Writer(Protocol):
    """Who writes events. For one thread."""

    def write(
        self, sent: Sequence[Sent], answers: Sequence[LoggedQuery]
    ) -> list[Taken | QueryError]:
        """What became of each body; on the disk, with the answers, when this returns.

        Raises EventStoreError where the store cannot be used.
        """

    def check(self, *, writes: bool) -> None:
        """Raise EventStoreError while the store cannot be read, or with `writes` written."""

    def close(self) -> None:
        """End; what is asked for later begins again."""


class EventWriter:
    """The `Writer` over a store, which is opened when it is first needed, and after a failure."""

    def __init__(self, open_store: Callable[[], EventStore], pseudonyms: Pseudonyms) -> None:
        self._open, self._pseudonyms = open_store, pseudonyms
        self._store: EventStore | None = None

    def write(
        self, sent: Sequence[Sent], answers: Sequence[LoggedQuery]
    ) -> list[Taken | QueryError]:
        """See `Writer`. All that is sound goes into one commit."""
        read = [self._read(one) for one in sent]
        sound = [one for one in read if not isinstance(one, QueryError)]
        written = sound or answers
        appended = iter(
            self._tried(lambda store: store.append_groups(sound, answers)) if written else ()
        )
        return [
            one
            if isinstance(one, QueryError)
            else Taken(*next(appended), frozenset(event.user for event in one if event.user))
            for one in read
        ]

    def check(self, *, writes: bool) -> None:
        """See `Writer`."""
        self._tried(lambda store: store.check(writes=writes))

    def close(self) -> None:
        """See `Writer`."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _read(self, sent: Sent) -> list[Event] | QueryError:
        try:
            return read_events(sent.body, integers=sent.integers, pseudonyms=self._pseudonyms)
        except QueryError as error:
            return error

    def _tried(self, use: Callable[[EventStore], T]) -> T:
        if self._store is None:
            self._store = self._open()
        try:
            return use(self._store)
        except BaseException:
            self.close()
            raise
