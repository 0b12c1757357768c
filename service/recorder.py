"""Events and answers on their way to the store: a bounded queue, and one thread that empties it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from service.config import Settings
from service.event_process import EventProcess
from service.event_writing import Sent, Taken, Writer
from service.metrics import Metrics
from shortlist.errors import EventStoreError, EventsUnavailable, QueryError
from shortlist.events.logged import LoggedQuery
from shortlist.events.person import Pseudonyms

if TYPE_CHECKING:  # SQLAlchemy is loaded where events are kept, and nowhere else
    from shortlist.events.store import EventStore

log = logging.getLogger(__name__)

_BODIES = 4
"""So many bodies of events of the greatest size wait at most, or more smaller ones."""

MOST_ANSWERS = 5_000
"""So many answers wait at most: more are forgotten."""

_BYTES_TOGETHER, _ANSWERS_TOGETHER = 1 << 20, 5_000
"""So much, or one body more, goes into one commit."""

_LOOK_S, _COLLECT_S, _RETRY_S, _END_S = 2.0, 0.25, 0.5, 10.0

_AGAIN = "send them again with the same ids"
_AWAY = f"the store of events cannot be used at the moment; {_AGAIN}"


@dataclass(eq=False)
class _Request:
    """The events of one request, and what became of them."""

    sent: Sent
    done: threading.Event = field(default_factory=threading.Event)
    taken: Taken | QueryError | None = None


class Recorder:
    """The store of events as one worker has it written, and reads it. For many threads.

    Requests that bring events wait for the commit that has them; all that wait at the same moment
    share one. Answers are remembered as far as there is room. While the store is away its thread
    looks for it, requests hear so at once, and answers are forgotten and counted. The bodies that
    wait have `most_bytes` in sum; those of more are refused.
    """

    def __init__(
        self,
        writer: Writer,
        open_store: Callable[[], EventStore],
        metrics: Metrics,
        *,
        most_bytes: int,
        most_answers: int = MOST_ANSWERS,
    ) -> None:
        self._writer, self._open, self._metrics = writer, open_store, metrics
        self._most_bytes, self._most_answers = most_bytes, most_answers
        self._store: EventStore | None = None
        self._requests: deque[_Request] = deque()
        self._answers: deque[LoggedQuery] = deque()
        self._n_bytes = 0
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
        """What /readyz says: how many requests with events, and answers, wait."""
        return {"waiting": len(self._requests), "answers_waiting": len(self._answers)}

    def store(self) -> EventStore:
        """The store, to read from. Raises EventsUnavailable while it is away."""
        store = self._store
        if store is None:
            raise EventsUnavailable("the store of events cannot be used at the moment")
        return store

    def take(self, sent: Sent, *, within_s: float) -> Taken:
        """What became of the events in a body once they are on the disk.

        Raises what is wrong with the body (see `service.event_requests.read_events`), and
        EventsUnavailable when the store is away, too much waits already, or it takes longer: then
        some may be stored all the same, and sending them again with their ids is safe.
        """
        one = _Request(sent)
        with self._changed:
            if self._problem is not None:
                raise EventsUnavailable(_AWAY)
            if self._n_bytes + len(sent.body) > self._most_bytes:
                raise EventsUnavailable(f"too many events wait to be stored; {_AGAIN}")
            self._requests.append(one)
            self._n_bytes += len(sent.body)
            self._changed.notify()
        if not one.done.wait(within_s):
            raise EventsUnavailable(f"the store of events takes too long; {_AGAIN}")
        if one.taken is None:
            raise EventsUnavailable(_AWAY)
        if isinstance(one.taken, QueryError):
            raise one.taken
        return one.taken

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
        requests: list[_Request] = []
        answers: list[LoggedQuery] = []
        while True:  # at first there is nothing: the store is opened, so that users are known
            try:
                self._step(requests, answers)
            except BaseException as error:  # whatever it is, who waits must hear of it
                self._fail(requests, answers, error)
            requests, answers = self._next()
            if not requests and not answers and self._stopping:
                break
        self._writer.close()
        self._let_go()

    def _next(self) -> tuple[list[_Request], list[LoggedQuery]]:
        """What goes into the next commit; nothing after a while, or to end."""
        with self._changed:
            if self._problem is not None:
                self._changed.wait_for(lambda: self._stopping, _RETRY_S)
            else:
                self._changed.wait_for(
                    lambda: self._requests or self._answers or self._stopping, _LOOK_S
                )
                self._changed.wait_for(  # nobody waits for answers alone: some share a commit
                    lambda: self._requests or not self._answers or self._stopping, _COLLECT_S
                )
            requests: list[_Request] = []
            n_bytes = 0
            while self._requests and n_bytes < _BYTES_TOGETHER:
                requests.append(self._requests.popleft())
                n_bytes += len(requests[-1].sent.body)
            self._n_bytes -= n_bytes
            n_answers = min(len(self._answers), _ANSWERS_TOGETHER)
            return requests, [self._answers.popleft() for _ in range(n_answers)]

    def _step(self, requests: list[_Request], answers: list[LoggedQuery]) -> None:
        """Have these written; without any, see whether the store is there."""
        began = time.perf_counter()
        if not requests and not answers:
            self._writer.check(writes=self._problem is not None)
            self._is_well()
            return
        found = self._writer.write([one.sent for one in requests], answers)
        self._is_well()
        for request, taken in zip(requests, found, strict=True):
            request.taken = taken
            request.done.set()
        self._metrics.observe_commit(time.perf_counter() - began)
        self._metrics.observe_logged("stored", len(answers))
        stored = [one for one in found if isinstance(one, Taken)]
        self._metrics.observe_events("accepted", sum(one.accepted for one in stored))
        self._metrics.observe_events("repeated", sum(one.repeated for one in stored))

    def _is_well(self) -> None:
        if self._store is None:
            self._store = self._open()
        if self._problem is not None:
            log.info("events are stored again")
        self._problem = None

    def _fail(
        self, requests: list[_Request], answers: list[LoggedQuery], error: BaseException
    ) -> None:
        """Say what is wrong once, to the log, and to all who wait or will."""
        known = isinstance(error, EventStoreError)
        said = f"events cannot be stored: {error if known else type(error).__name__}"
        if said != self._problem:
            log.error("%s", said, exc_info=None if known else error)
        with self._changed:
            self._problem = said
            requests += self._requests
            n_forgotten = len(answers) + len(self._answers)
            self._requests.clear()
            self._answers.clear()
            self._n_bytes = 0
        for request in requests:
            request.done.set()
        self._metrics.observe_events("failed", len(requests))
        self._metrics.observe_logged("dropped", n_forgotten)
        self._let_go()

    def _let_go(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()


def recorder_of(settings: Settings, pseudonyms: Pseudonyms, metrics: Metrics) -> Recorder:
    """What has events stored; SQLAlchemy is loaded here, and without events not at all."""
    from shortlist.events.store import EventStore

    return Recorder(
        EventProcess(settings.events, pseudonyms),
        partial(EventStore.open, settings.events),
        metrics,
        most_bytes=_BODIES * settings.max_body_bytes,
    )
