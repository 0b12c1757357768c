"""Following the log that a service writes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace

from indexing.changing.publisher import ChangeReport, Publisher
from shortlist.bundle.change_log import LOG, ChangeLog, Record, Refusal, passed_over
from shortlist.bundle.changes import change_of, problems_of
from shortlist.bundle.intake import Intake
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import CatalogError, GateError, ShortlistError

log = logging.getLogger(__name__)

MOST_AT_ONCE = 20_000
"""So many changes of the log go into one version."""


class Follower:
    """Applies what the log of a service holds, some records at a time."""

    def __init__(self, store: ArtifactStore, publisher: Publisher) -> None:
        self._store, self._publisher = store, publisher
        self._log = ChangeLog(store.root)

    def follow(self, stop: threading.Event, *, every_s: float) -> None:
        """Publish what comes until `stop` is set; what stands in the way is logged and waited for.

        The encoder is loaded at once, so that the first change does not wait for it.
        """
        said = None
        while not stop.is_set():
            try:
                _ = self._publisher.target().encoder
                report = self.step()
            except Exception as error:
                report = None
                if not isinstance(error, ShortlistError):
                    log.exception("following failed")
                if str(error) != said:
                    log.warning("changes wait: %s", error)
                said = str(error)
            else:
                said = None
            if report is not None:
                log.info(
                    "%s: %d changes, %d items", report.version, report.n_changes, report.n_items
                )
            elif stop.wait(every_s):
                return

    def pending(self) -> int:
        """How many records wait, as far as can be told without the lock."""
        return max(0, self._log.last() - self._log.through())

    def step(self) -> ChangeReport | None:
        """Publish what waits; None when nothing does. Raises PublishError without the lock."""
        if not self.pending():
            return None
        with self._store.lock(briefly=True):
            self._store.reconcile()
            return self.absorb()

    def absorb(self) -> ChangeReport | None:
        """Publish what waits. Needs the lock."""
        target = self._publisher.target()
        begin = max(self._log.through(), target.live.manifest.applied.get(LOG, 0))
        records = _some(self._log.after(begin))
        if not records:
            self._log.done(begin)
            return None
        report = self._publish(records)
        self._log.done(records[-1].sequence)
        return report

    def _publish(self, records: Sequence[Record]) -> ChangeReport | None:
        """One version with all sound records; one of each where one stops the others.

        It passes over what was dealt with before and is not in the live version: that was rolled
        back, or refused. What is refused is noted before: once a version has come so far nobody
        looks at it again.
        """
        sound = self._sound(records)
        if not sound:
            return None
        changes = [change for record in sound for change in record.changes]
        last = records[-1].sequence
        before = passed_over(self._publisher.target().live.manifest, self._log.through())
        try:
            why = f"changes {records[0].sequence} to {last}"
            return self._publisher.publish(changes, applied={LOG: last}, taken_back=before, why=why)
        except (CatalogError, GateError) as error:
            if len(sound) == 1:
                self._refuse([Refusal(sound[0].sequence, {"": str(error)})])
                return None
        half = len(sound) // 2
        first, second = self._publish(sound[:half]), self._publish(sound[half:])
        return second or first

    def _refuse(self, refusals: Sequence[Refusal]) -> None:
        self._log.refuse(refusals)
        for one in refusals:
            said = "; ".join(one.problems.values())
            log.warning("changes %d are refused: %s", one.sequence, said)

    def _sound(self, records: Sequence[Record]) -> list[Record]:
        """The records of which every change can be made after those before it; others are refused.

        A record is taken whole or not at all.
        """
        target = self._publisher.target()
        records, refusals = _as_typed(target.intake, records)
        while True:
            left = [record for record in records if record.sequence not in refusals]
            owners = [(record, place) for record in left for place in range(len(record.changes))]
            bad = target.problems_of([record.changes[place] for record, place in owners])
            if not bad:
                if refusals:
                    self._refuse(list(refusals.values()))
                return left
            for number, said in bad.items():
                record, place = owners[number]
                refusals[record.sequence] = Refusal(record.sequence, {f"changes[{place}]": said})


def _as_typed(intake: Intake, records: Sequence[Record]) -> tuple[list[Record], dict[int, Refusal]]:
    """The records as the live version types its ids, and those that it has no columns for.

    They were checked against the version that was served then.
    """
    typed, refusals = [], {}
    for record in records:
        plain = [change.as_given() for change in record.changes]
        problems = {
            f"changes[{place}]": "; ".join(f"{name}: {said}" for name, said in found.items())
            for place, raw in enumerate(plain)
            if (found := problems_of(intake, raw))
        }
        if problems:
            refusals[record.sequence] = Refusal(record.sequence, problems)
        else:
            changes = tuple(change_of(intake, raw) for raw in plain)
            typed.append(replace(record, changes=changes))
    return typed, refusals


def _some(records: Iterable[Record]) -> list[Record]:
    """The first of these records, 20,000 changes in sum or one record more."""
    found: list[Record] = []
    n_changes = 0
    for record in records:
        found.append(record)
        n_changes += len(record.changes)
        if n_changes >= MOST_AT_ONCE:
            break
    return found
