"""The snapshot in use, swapped by one reference."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.metrics import Metrics
from shortlist.bundle.manifest import parse_time
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import BundleError, NotReady

_SWAP_S = 2.0
_GLANCE_S = 0.02
_MOST_WAITING = 4
"""Requests of one worker that wait for a swap at a time: each holds a place meanwhile."""

_OVERDUE_S = 5.0


class SnapshotHolder:
    """The snapshot in use: requests take it once, the reloader replaces it.

    `problem` is why what CURRENT names is not in use, None when it is; `refused` is that
    version. `blocklist_problem` is why BLOCKLIST cannot be read, `numbers_problem` why the numbers
    are not those of all workers. `swaps` and `refusals` count since the process started.
    """

    def __init__(
        self, metrics: Metrics | None = None, *, current: Callable[[], str | None] = lambda: None
    ) -> None:
        self._metrics = metrics
        self._current = current
        self._snapshot: Snapshot | None = None
        self.problem: str | None = "no bundle has been loaded yet"
        self.refused: str | None = None
        self.blocklist_problem: str | None = None
        self.numbers_problem: str | None = None
        self.swaps = 0
        self.refusals = 0
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._swapped = threading.Condition()
        self._due: dict[str, float] = {}

    def get(self) -> Snapshot:
        """The snapshot in use. Raises NotReady, with what to do, before the first is loaded."""
        snapshot = self._snapshot
        if snapshot is None:
            raise NotReady(self.problem)
        return snapshot

    def at(self, version: str) -> Snapshot:
        """The snapshot in use; while CURRENT names this version and it is on its way, that one.

        During a swap another worker may have handed out a cursor of a version that this one has
        yet to load: it is waited for up to 2 s.
        """
        snapshot = self.get()
        if snapshot.version == version or not self._waiting.acquire(blocking=False):
            return snapshot
        try:
            given_up = time.monotonic() + _SWAP_S
            while self._is_due(version) and time.monotonic() < given_up:
                time.sleep(_GLANCE_S)
        finally:
            self._waiting.release()
        return self.get()

    def _is_due(self, version: str) -> bool:
        """Whether a version is about to be put in use: CURRENT names it, and it is not refused."""
        if self.get().version == version or self.refused == version:
            return False
        try:
            return self._current() == version
        except BundleError:
            return False  # what cannot be read names no version

    def peek(self) -> Snapshot | None:
        """The snapshot in use, None before the first."""
        return self._snapshot

    def swap(self, snapshot: Snapshot) -> None:
        """Put a new snapshot in use; requests under way finish on the old one."""
        with self._swapped:
            self._snapshot = snapshot
            self._swapped.notify_all()
        self.swaps += 1
        if self._metrics is not None:
            self._metrics.observe_swap(parse_time(snapshot.bundle.manifest.created_at).timestamp())

    def await_swap(self, within_s: float) -> None:
        """Return after the next swap, or after so long."""
        with self._swapped:
            self._swapped.wait(within_s)

    def put(self, snapshot: Snapshot) -> None:
        """Put the same version in use with another blocklist: not counted as a swap."""
        self._snapshot = snapshot

    @contextmanager
    def looking(self, name: str, within_s: float) -> Iterator[None]:
        """A thread looks at a file, which takes far less than so long."""
        self._due[name] = time.monotonic() + within_s + _OVERDUE_S
        try:
            yield
        finally:
            self._due.pop(name, None)

    def stuck(self) -> str | None:
        """What is wrong where a thread looks at a file and does not come back from it."""
        now = time.monotonic()
        names = [name for name, due in list(self._due.items()) if now > due]
        return f"{', '.join(names)}: has waited for a file for seconds" if names else None

    def settle(self) -> None:
        """What CURRENT names is in use."""
        self.problem = self.refused = None

    def refuse(self, version: str | None, problem: str) -> bool:
        """Remember why what CURRENT names is not in use; returns whether that is news."""
        news = problem != self.problem
        self.problem, self.refused = problem, version
        self.refusals += news
        if news and self._metrics is not None:
            self._metrics.observe_refusal()
        return news
