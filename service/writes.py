"""Changes to items: written down before they are acknowledged, and what became of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from service.live import SnapshotHolder
from shortlist.bundle import layout
from shortlist.bundle.change_log import LOG, ChangeLog, Refusal, has_change
from shortlist.bundle.changes import Change
from shortlist.bundle.intake import Intake
from shortlist.bundle.manifest import Manifest, decode_manifest
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import (
    ChangesUnavailable,
    ChangeUnknown,
    FeatureUnavailable,
    QueryError,
    ShortlistError,
)

log = logging.getLogger(__name__)

STALLED_S = 120.0
"""After so long without any progress changes are said not to be applied."""

_MOST_WAITING = 12
"""Requests of one worker that wait for their change at a time: fewer than there are places."""

_GLANCE_S = 0.1


class Status(StrEnum):
    """How far a change has come."""

    PENDING = "pending"
    VISIBLE = "visible"
    REFUSED = "refused"
    PUBLISHED = "published"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a part of a change."""

    field: str
    message: str


@dataclass(frozen=True)
class ChangeState:
    """What became of a change.

    `pending` waits to be applied; `visible` is in what this service answers; `published` will be in
    a moment; `refused` could not be applied, `problems` say why; `rolled back` was in a version
    that is live no more. `version` is the one that has it.
    """

    sequence: int
    status: Status
    version: str | None = None
    problems: list[Wrong] = field(default_factory=list)


class Writes:
    """The change log of an artifacts folder beside the snapshot in use. For many threads.

    One of them looks again and again how many changes wait.
    """

    def __init__(
        self,
        artifacts: Path,
        holder: SnapshotHolder,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._holder, self._now = ArtifactStore(artifacts), holder, now
        self._log = ChangeLog(artifacts)
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._pending: int | None = None
        self._through = 0
        self._since: float | None = None
        self._unreadable: str | None = None
        self._unwritable: str | None = None

    def intake(self) -> Intake:
        """What the items of the catalogue in use may hold. Raises FeatureUnavailable."""
        found = self._holder.get().bundle.manifest.intake
        if found is None:
            raise FeatureUnavailable(
                "the live version does not say what its items may hold: it was built before items "
                "could be changed; build the catalogue again"
            )
        return found

    def append(self, changes: Iterable[Change]) -> int:
        """Write changes down as one record and return its sequence number.

        They are on the disk then, and will be applied. Raises ChangesUnavailable when they could
        not be written; then none of them is taken.
        """
        try:
            with self._log_at_hand():
                sequence = self._log.append(changes, beyond=self._reached())
        except ChangesUnavailable as error:
            if self._unwritable is None:
                log.error("changes cannot be taken: %s", error.__cause__)
            self._unwritable = f"changes cannot be taken: {error.__cause__}"
            raise
        self._unwritable = None
        return sequence

    def state(self, sequence: int) -> ChangeState:
        """What became of a change. Raises ChangeUnknown, ChangesUnavailable."""
        with self._log_at_hand():
            bundle, applied = self._holder.get().bundle, self._applied()
            if sequence > max(self._log.last(), applied):
                raise ChangeUnknown(f"no change has the sequence number {sequence}")
            refusal = self._log.refusal(sequence)
            if refusal is not None:
                return _refused(refusal)
            if has_change(bundle.manifest, sequence):
                return ChangeState(sequence, Status.VISIBLE, bundle.version)
            if sequence > max(self._log.through(), applied):
                return ChangeState(sequence, Status.PENDING)
            live = self._store.live_folder()
            if live.name != bundle.version and has_change(_manifest_of(live), sequence):
                return ChangeState(sequence, Status.PUBLISHED, live.name)
            return ChangeState(sequence, Status.ROLLED_BACK)

    def await_end(self, sequence: int, *, within_s: float) -> ChangeState:
        """What became of a change, once it is visible or refused; pending when that takes longer.

        It does not wait while as many others do as may.
        """
        pending = ChangeState(sequence, Status.PENDING)
        given_up = self._now() + within_s
        if not self._waiting.acquire(blocking=False):
            return pending
        try:
            while (left_s := given_up - self._now()) > 0:
                if self._is_dealt_with(sequence):
                    found = self.state(sequence)
                    if found.status in {Status.VISIBLE, Status.REFUSED}:
                        return found
                self._holder.await_swap(min(left_s, _GLANCE_S))
        except ChangesUnavailable:
            return pending  # it is written down, and will be applied
        finally:
            self._waiting.release()
        return pending

    def _is_dealt_with(self, sequence: int) -> bool:
        with self._log_at_hand():
            return sequence <= max(self._applied(), self._log.through())

    def look(self) -> None:
        """Note how many records wait and since when: for who watches, who must not wait for it."""
        try:
            with self._holder.looking("changes", 0.0), self._log_at_hand():
                last, through = self._log.last(), self._log.through()
        except ChangesUnavailable as error:
            self._pending, self._unreadable = None, f"changes cannot be read: {error.__cause__}"
            return
        moved = through != self._through
        self._pending, self._through, self._unreadable = max(0, last - through), through, None
        if moved or not self._pending or self._since is None:
            self._since = self._now() if self._pending else None

    @property
    def pending(self) -> int | None:
        """How many records waited when somebody last looked, None where that cannot be told."""
        return self._pending

    @property
    def problem(self) -> str | None:
        """What is wrong, None when nothing is."""
        waits_s = 0.0 if self._since is None else self._now() - self._since
        if waits_s < STALLED_S:
            return self._unreadable or self._unwritable
        return (
            f"changes are not being applied: is `shortlist follow` running? {self._pending} wait, "
            f"for {waits_s:.0f} s"
        )

    def _reached(self) -> int:
        """How far any version has come, where the log itself cannot tell."""
        if self._log.last():
            return self._applied()
        live = _manifest_of(self._store.live_folder())
        return max(self._applied(), live.applied.get(LOG, 0))

    def _applied(self) -> int:
        return self._holder.get().bundle.manifest.applied.get(LOG, 0)

    @contextmanager
    def _log_at_hand(self) -> Iterator[None]:
        try:
            yield
        except QueryError:
            raise
        except (OSError, ShortlistError) as error:
            raise ChangesUnavailable(
                "the log of changes cannot be used at the moment; nothing of this request was taken"
            ) from error


def _manifest_of(folder: Path) -> Manifest:
    return decode_manifest((folder / layout.MANIFEST).read_bytes())


def _refused(refusal: Refusal) -> ChangeState:
    problems = [Wrong(name, said) for name, said in refusal.problems.items()]
    return ChangeState(refusal.sequence, Status.REFUSED, problems=problems)
