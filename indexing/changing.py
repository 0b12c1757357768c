"""Publishing changes: of a file, and of the log that a service writes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexing.apply import Target, write_version
from indexing.embeddings import EmbeddingCounts
from indexing.gate import load_as_served, pass_changes
from shortlist.bundle import signing
from shortlist.bundle.change_log import LOG, ChangeLog, Record, Refusal
from shortlist.bundle.changes import Change, change_of, decode_line, problems_of
from shortlist.bundle.segments import folder_of
from shortlist.bundle.store import ArtifactStore, OnStep, no_step
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import CatalogError, GateError, PublishError

log = logging.getLogger(__name__)

FILE = "file"
"""The name under which a version says how far it has changes from files."""

MOST_AT_ONCE = 20_000
"""So many changes of the log go into one version."""

_MOST_TOLD = 20


@dataclass(frozen=True)
class ChangeReport:
    """What became of changes: the version that has them, how many, and what was left out, by where.

    `published` is False where none was left to make.
    """

    version: str
    n_changes: int
    n_items: int
    counts: EmbeddingCounts | None
    left_out: Mapping[str, str] = field(default_factory=dict)
    published: bool = True


class Publisher:
    """Publishes changes to what is live in an artifacts folder; what it has open it keeps open."""

    def __init__(
        self,
        store: ArtifactStore,
        *,
        signing_key: Path | None = None,
        on_step: OnStep = no_step,
    ) -> None:
        self._store, self._on_step = store, on_step
        self._key = None if signing_key is None else signing.read_private_key(signing_key)
        self._live: Snapshot | None = None
        self._target: Target | None = None

    def target(self) -> Target:
        """What is live, open. Raises BundleError for what cannot be changed."""
        folder = self._store.live_folder()
        if self._live is None or self._target is None or self._live.version != folder.name:
            known = None if self._target is None else self._target
            self._live = load_as_served(folder, sharing=self._live)
            self._target = Target(self._live.bundle, before=known)
        return self._target

    def publish(
        self,
        changes: Sequence[Change],
        *,
        applied: Mapping[str, int],
        why: str,
        force: bool = False,
        compact: bool = False,
    ) -> ChangeReport:
        """Make a version with these changes the live one. Needs the lock.

        Raises CatalogError naming a change that cannot be made, and GateError; the live version is
        then as it was.
        """
        target = self.target()
        folded = target.fold(changes)
        if folded.problems:
            place, said = next(iter(folded.problems.items()))
            raise CatalogError(f"change {place + 1}: {said}")
        assert self._live is not None
        with self._store.staging() as folder:
            made = write_version(
                folder, target, folded, applied=applied, compact=compact, on_step=self._on_step
            )
            if made.manifest.has_content_of(target.live.manifest):
                return ChangeReport(
                    target.live.version, 0, target.live.n_items, None, published=False
                )
            staged = self._store.name_staged(folder, made.manifest)
            if self._key is not None:
                signing.sign(staged, self._key)
            new = pass_changes(staged, self._live, target.config, force=force)
            self._on_step("gate passed")
            version = self._store.publish(
                staged,
                expected=target.live.version,
                why=why,
                on_step=lambda part: self._on_step(f"published: {part}"),
            )
            self._on_step("published")
        self._live = _moved(new, self._store.folder(version))
        self._target = Target(self._live.bundle, before=target)
        self._prune(target)
        return ChangeReport(version, len(changes), folded.n_items, made.counts)

    def _prune(self, target: Target) -> None:
        try:
            self._store.prune(target.config.publish.keep)
        except PublishError as error:  # the version is published already
            log.warning("old versions stay: %s", error)
        self._on_step("pruned")


def _moved(snapshot: Snapshot, folder: Path) -> Snapshot:
    """A snapshot whose folder has been given its place."""
    bundle = snapshot.bundle
    segments = (replace(one, folder=folder / folder_of(one.name)) for one in bundle.segments)
    return replace(snapshot, bundle=replace(bundle, folder=folder, segments=tuple(segments)))


def apply_file(
    store: ArtifactStore,
    path: Path,
    *,
    skip_bad: bool = False,
    force: bool = False,
    signing_key: Path | None = None,
    on_step: OnStep = no_step,
) -> ChangeReport:
    """Publish the changes in a file of JSON lines.

    Changes with a sequence number that the live version has already are passed over. A change that
    is wrong is named by its line, and nothing is published unless such are to be skipped. Raises
    CatalogError.
    """
    publisher = Publisher(store, signing_key=signing_key, on_step=on_step)
    with store.lock():
        store.reconcile()
        target = publisher.target()
        wanted, problems = _read(path, target)
        bad = target.problems_of([change for _, _, change in wanted])
        problems |= {f"line {wanted[place][0]}": said for place, said in bad.items()}
        wanted = [one for place, one in enumerate(wanted) if place not in bad]
        if problems and not skip_bad:
            raise CatalogError(_told(path, problems))
        for where, said in problems.items():
            log.warning("%s: %s: %s: left out", path, where, said)
        last = max((number for _, number, _ in wanted if number is not None), default=None)
        applied = {} if last is None else {FILE: last}
        if not wanted:
            live = target.live
            return ChangeReport(live.version, 0, live.n_items, None, problems, published=False)
        report = publisher.publish(
            [change for _, _, change in wanted], applied=applied, why="apply", force=force
        )
        return ChangeReport(**{**vars(report), "left_out": problems})


Line = tuple[int, int | None, Change]
"""The number of a line, the sequence number of its change, and the change."""


def _read(path: Path, target: Target) -> tuple[list[Line], dict[str, str]]:
    """The changes of a file that are not in the live version yet, and what is wrong, by line."""
    wanted: list[Line] = []
    problems: dict[str, str] = {}
    last = target.live.manifest.applied.get(FILE, 0)
    try:
        with path.open(encoding="utf-8") as stream:
            for number, text in enumerate(stream, 1):
                if not text.strip():
                    continue
                sequence, found = _parsed(text, target)
                if isinstance(found, str):
                    problems[f"line {number}"] = found
                elif sequence is not None and sequence <= last:
                    continue
                else:
                    wanted.append((number, sequence, found))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path}: cannot be read: {error}") from error
    numbers = [sequence for _, sequence, _ in wanted if sequence is not None]
    if numbers != sorted(set(numbers)):
        raise CatalogError(f"{path}: expected sequence numbers that rise from line to line")
    return wanted, problems


def _parsed(text: str, target: Target) -> tuple[int | None, Change | str]:
    """The sequence number of a line and its change, or what is wrong with it."""
    try:
        raw = decode_line(text)
    except ValueError as error:
        return None, f"not JSON: {error}"
    problems = problems_of(target.intake, raw)
    if not isinstance(raw, dict) or problems:
        return None, "; ".join(f"{where}: {said}" for where, said in problems.items())
    sequence = raw.get("sequence")
    if sequence is not None and (type(sequence) is not int or sequence < 1):
        return None, "sequence: expected an integer of 1 or more"
    return sequence, change_of(target.intake, raw)


def _told(path: Path, problems: Mapping[str, str]) -> str:
    lines = [f"{path}: {where}: {said}" for where, said in list(problems.items())[:_MOST_TOLD]]
    more = len(problems) - len(lines)
    rest = [f"{more} more"] if more > 0 else []
    return "\n".join([*lines, *rest, "nothing was published; --skip-bad leaves these out"])


def compact(store: ArtifactStore, *, signing_key: Path | None = None) -> ChangeReport:
    """Publish the live version with its segments joined where that is due."""
    publisher = Publisher(store, signing_key=signing_key)
    with store.lock():
        store.reconcile()
        return publisher.publish([], applied={}, why="compact", compact=True)


class Follower:
    """Applies what the log of a service holds, some records at a time."""

    def __init__(self, store: ArtifactStore, publisher: Publisher) -> None:
        self._store, self._publisher = store, publisher
        self._log = ChangeLog(store.root)

    def pending(self) -> int:
        """How many records wait, as far as can be told without the lock."""
        return max(0, self._log.last() - self._log.through())

    def step(self) -> ChangeReport | None:
        """Publish what waits; None when nothing does. Raises PublishError without the lock."""
        if not self.pending():
            return None
        with self._store.lock():
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
        report, refusals = self._publish(records)
        self._log.done(records[-1].sequence, refusals)
        for one in refusals:
            said = "; ".join(one.problems.values())
            log.warning("changes %d are refused: %s", one.sequence, said)
        return report

    def _publish(self, records: Sequence[Record]) -> tuple[ChangeReport | None, list[Refusal]]:
        """One version with all sound records; one of each where one stops the others."""
        sound, refusals = self._sound(records)
        if not sound:
            return None, refusals
        changes = [change for record in sound for change in record.changes]
        last = records[-1].sequence
        try:
            why = f"changes {records[0].sequence} to {last}"
            return self._publisher.publish(changes, applied={LOG: last}, why=why), refusals
        except (CatalogError, GateError) as error:
            if len(sound) == 1:
                refused = Refusal(sound[0].sequence, {"": str(error)})
                return None, [*refusals, refused]
        report: ChangeReport | None = None
        for record in sound:
            one, more = self._publish([record])
            report, refusals = one or report, [*refusals, *more]
        return report, refusals

    def _sound(self, records: Sequence[Record]) -> tuple[list[Record], list[Refusal]]:
        """The records of which every change can be made after those before it."""
        target = self._publisher.target()
        refusals: dict[int, Refusal] = {}
        while True:
            left = [record for record in records if record.sequence not in refusals]
            owners = [(record, place) for record in left for place in range(len(record.changes))]
            bad = target.problems_of([record.changes[place] for record, place in owners])
            if not bad:
                return left, list(refusals.values())
            for number, said in bad.items():
                record, place = owners[number]
                refusals[record.sequence] = Refusal(record.sequence, {f"changes[{place}]": said})


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
