"""The live version's experiment, as long as somebody can watch it and its guards hold."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from wsgiref.types import WSGIEnvironment

from service.live import SnapshotHolder
from service.wsgi.exchange import exchange_of, session_of
from shortlist.bundle.experiment import Experiment
from shortlist.engine.query import Asked, SearchQuery
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.trial import Entry
from shortlist.errors import EventStoreError, QueryError

if TYPE_CHECKING:  # SQLAlchemy is loaded where events are kept, and nowhere else
    from shortlist.events.store import EventStore

log = logging.getLogger(__name__)

LOOK_S = 3.0
"""Seconds between looks at whether an experiment was stopped."""

GUARD_S = 30.0
"""Seconds between looks at the searches themselves."""


def entry_of(
    environ: WSGIEnvironment, query: Asked, snapshot: Snapshot, experiments: Experiments | None
) -> Entry | None:
    """A request's search as it enters an experiment; None for anything else that is asked.

    Who asks is the user who is named, the visit that the request belongs to, or nobody but the
    request itself.
    """
    if not isinstance(query, SearchQuery):
        return None
    session, visitor = session_of(environ), f"request {exchange_of(environ).request_id}"
    if query.user is not None:
        visitor = f"user {query.user}"
    elif session is not None:
        visitor = f"session {session}"
    return Entry(
        query=query,
        version=snapshot.version,
        control=query.profile or snapshot.bundle.manifest.default_profile,
        experiment=None if experiments is None else experiments.of(snapshot),
        visitor=visitor,
    )


class Experiments:
    """Whether searches take part in the experiment that the snapshot in use names.

    They do while the store of events can be read, by which it is watched and learnt from, and it is
    not stopped there. One thread looks; for many that ask.
    """

    def __init__(
        self,
        holder: SnapshotHolder,
        store: Callable[[], EventStore],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._holder, self._store, self._now = holder, store, now
        self._running: str | None = None
        self._problem: str | None = "it has not been looked at yet"
        self._looked_at: str | None = None
        self._look_again_at = self._guard_at = 0.0

    def of(self, snapshot: Snapshot) -> Experiment | None:
        """The experiment that a search of this snapshot takes part in, None for none."""
        found = snapshot.bundle.manifest.experiment
        return found if found is not None and found.name == self._running else None

    def look(self) -> None:
        """See whether the experiment is stopped, now and then whether its guards hold."""
        snapshot = self._holder.peek()
        found = None if snapshot is None else snapshot.bundle.manifest.experiment
        if found is None:
            self._running = self._problem = None
            return
        if found.name == self._looked_at and self._now() < self._look_again_at:
            return
        if found.name != self._looked_at:
            self._guard_at = 0.0
        self._looked_at, self._look_again_at = found.name, self._now() + LOOK_S
        try:
            self._tell(found, self._why_not(found))
        except (EventStoreError, QueryError) as error:
            self._tell(found, str(error))

    def told(self, snapshot: Snapshot) -> dict[str, Any] | None:
        """What /readyz says: its name, whether it is running and why not; None without one."""
        found = snapshot.bundle.manifest.experiment
        if found is None:
            return None
        return {
            "name": found.name,
            "running": self.of(snapshot) is not None,
            "problem": self._problem,
        }

    def _why_not(self, experiment: Experiment) -> str | None:
        from shortlist.events.guards import stop_if_worse

        store = self._store()
        if self._now() >= self._guard_at:
            self._guard_at = self._now() + GUARD_S
            reason = stop_if_worse(store, experiment)
        else:
            stopped = store.stopped(experiment.name)
            reason = None if stopped is None else stopped.reason
        return None if reason is None else f"stopped: {reason}"

    def _tell(self, experiment: Experiment, problem: str | None) -> None:
        running = experiment.name if problem is None else None
        if (running, problem) != (self._running, self._problem):
            log.info("experiment %s: %s", experiment.name, problem or "running")
        self._running, self._problem = running, problem
