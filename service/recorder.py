"""Events and answers on their way to the store: a bounded queue, and one thread that writes."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.metrics import Metrics
from shortlist.errors import EventStoreError, EventsUnavailable
from shortlist.events.event import Event
from shortlist.events.logged import LoggedQuery

if TYPE_CHECKING:  # SQLAlchemy is loaded where events are kept, and nowhere else
    from shortlist.events.store import Appended, EventStore

log = logging.getLogger(__name__)

MOST_EVENTS, MOST_ANSWERS = 20_000, 5_000
"""What waits at most; more events are refused, more answers forgotten."""

_TOGETHER = 5_000
"""So many events, or a little more, and answers go into one commit."""

_LOOK_S, _COLLECT_S, _RETRY_S, _END_S = 2.0, 0.25, 0.5, 10.0

_AGAIN = "send them again with the same ids"
_AWAY = f"the store of events cannot be used at the moment; {_AGAIN}"


@dataclass(eq=False)
class _Group:
    """The events of one request, and what became of them."""

    events: Sequence[Event]
    done: threading.Event = field(default_factory=threading.Event)
    appended: Appended | None = None


class Recorder:
    """The store of events as one worker writes it. For many threads.

    Requests that bring events wait for the commit that has them; all that wait at the same moment
    share one. Answers are remembered as far as there is room. While the store is away its thread
    looks for it, requests hear so at once, and answers are forgotten and counted.
    """

    def __init__(
        self,
        open_store: Callable[[], EventStore],
        metrics: Metrics,
        *,
        most_events: int = MOST_EVENTS,
        most_answers: int = MOST_ANSWERS,
    ) -> None:
        self._open, self._metrics = open_store, metrics
        self._most_events, self._most_answers = most_events, most_answers
        self._store: EventStore | None = None
        self._groups: deque[_Group] = deque()
        self._answers: deque[LoggedQuery] = deque()
        self._n_events = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._problem: str | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Open the store, or look for it, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, as far as it can be within some seconds, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(_END_S)

    @property
    def problem(self) -> str | None:
        """What is wrong with the store, None when nothing is."""
        return self._problem

    def told(self) -> dict[str, int]:
        """What /readyz says: how many events and answers wait."""
        return {"waiting": self._n_events, "answers_waiting": len(self._answers)}

    def store(self) -> EventStore:
        """The store, to read from. Raises EventsUnavailable while it is away."""
        store = self._store
        if store is None:
            raise EventsUnavailable("the store of events cannot be used at the moment")
        return store

    def take(self, events: Sequence[Event], *, within_s: float) -> Appended:
        """What became of the events once they are on the disk.

        Raises EventsUnavailable when the store is away, too many wait already, or it takes longer:
        then some may be stored all the same, and sending them again with their ids is safe.
        """
        group = _Group(events)
        with self._changed:
            if self._problem is not None:
                raise EventsUnavailable(_AWAY)
            if self._n_events + len(events) > self._most_events:
                raise EventsUnavailable(f"too many events wait to be stored; {_AGAIN}")
            self._groups.append(group)
            self._n_events += len(events)
            self._changed.notify()
        if not group.done.wait(within_s):
            raise EventsUnavailable(f"the store of events takes too long; {_AGAIN}")
        if group.appended is None:
            raise EventsUnavailable(_AWAY)
        return group.appended

    def note(self, answer: LoggedQuery) -> None:
        """Remember an answer, if there is room. Never waits."""
        with self._changed:
            keeps = self._problem is None and len(self._answers) < self._most_answers
            if keeps:
                self._answers.append(answer)
                if len(self._answers) == 1:
                    self._changed.notify()
        if not keeps:
            self._metrics.observe_logged("dropped", 1)

    def _run(self) -> None:
        groups: list[_Group] = []
        answers: list[LoggedQuery] = []
        while True:  # at first there is nothing: the store is opened, so that users are known
            try:
                self._step(groups, answers)
            except BaseException as error:  # whatever it is, who waits must hear of it
                self._fail(groups, answers, error)
            groups, answers = self._next()
            if not groups and not answers and self._stopping:
                break
        if self._store is not None:
            self._store.close()

    def _next(self) -> tuple[list[_Group], list[LoggedQuery]]:
        """What goes into the next commit; nothing after a while, or to end."""
        with self._changed:
            if self._problem is not None:
                self._changed.wait_for(lambda: self._stopping, _RETRY_S)
            else:
                self._changed.wait_for(
                    lambda: self._groups or self._answers or self._stopping, _LOOK_S
                )
                self._changed.wait_for(  # nobody waits for answers alone: some share a commit
                    lambda: self._groups or not self._answers or self._stopping, _COLLECT_S
                )
            groups: list[_Group] = []
            n_events = 0
            while self._groups and n_events < _TOGETHER:
                groups.append(self._groups.popleft())
                n_events += len(groups[-1].events)
            self._n_events -= n_events
            n_answers = min(len(self._answers), _TOGETHER)
            return groups, [self._answers.popleft() for _ in range(n_answers)]

    def _step(self, groups: list[_Group], answers: list[LoggedQuery]) -> None:
        """Write these; without any, see whether the store is there."""
        began = time.perf_counter()
        store = self._at_hand()
        if not groups and not answers:
            store.check(writes=self._problem is not None)
            self._is_well()
            return
        appended = store.append_groups([one.events for one in groups], answers)
        self._is_well()
        for group, one in zip(groups, appended, strict=True):
            group.appended = one
            group.done.set()
        self._metrics.observe_commit(time.perf_counter() - began)
        self._metrics.observe_logged("stored", len(answers))
        self._metrics.observe_events("accepted", sum(one.accepted for one in appended))
        self._metrics.observe_events("repeated", sum(one.repeated for one in appended))

    def _at_hand(self) -> EventStore:
        if self._store is None:
            self._store = self._open()
        return self._store

    def _is_well(self) -> None:
        if self._problem is not None:
            log.info("events are stored again")
        self._problem = None

    def _fail(self, groups: list[_Group], answers: list[LoggedQuery], error: BaseException) -> None:
        """Say what is wrong once, to the log, and to all who wait or will."""
        known = isinstance(error, EventStoreError)
        said = f"events cannot be stored: {error if known else type(error).__name__}"
        if said != self._problem:
            log.error("%s", said, exc_info=None if known else error)
        with self._changed:
            self._problem = said
            groups += self._groups
            n_forgotten = len(answers) + len(self._answers)
            self._groups.clear()
            self._answers.clear()
            self._n_events = 0
        for group in groups:
            group.done.set()
        self._metrics.observe_events("failed", sum(len(one.events) for one in groups))
        self._metrics.observe_logged("dropped", n_forgotten)
        store, self._store = self._store, None
        if store is not None:
            store.close()
