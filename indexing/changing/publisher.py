"""Publishing changes: of a file, and of the log that a service writes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexing.changing.target import Target
from indexing.changing.version import write_version
from indexing.collecting.owned import Collections, drop_unused
from indexing.embeddings import EmbeddingCounts
from indexing.gate import load_as_served, pass_changes
from shortlist.bundle import signing
from shortlist.bundle.changes import Change
from shortlist.bundle.manifest import Span
from shortlist.bundle.segments import folder_of
from shortlist.bundle.store import ArtifactStore, OnStep, no_step
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import CatalogError, PublishError

log = logging.getLogger(__name__)


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
        # what is not signed by the same key is not signed by being changed
        self._trusted = () if self._key is None else (self._key.public_key(),)
        self._live: Snapshot | None = None
        self._target: Target | None = None

    def target(self) -> Target:
        """What is live, open. Raises BundleError for what cannot be changed."""
        folder = self._store.live_folder()
        if self._live is None or self._target is None or self._live.version != folder.name:
            known = None if self._target is None else self._target
            self._live = load_as_served(folder, sharing=self._live, trusted_keys=self._trusted)
            self._target = Target(self._live.bundle, before=known)
        return self._target

    def publish(
        self,
        changes: Sequence[Change],
        *,
        applied: Mapping[str, int],
        taken_back: Sequence[Span] = (),
        why: str,
        force: bool = False,
        compact: bool = False,
    ) -> ChangeReport:
        """Make a version with these changes the live one. Needs the lock.

        `applied` and `taken_back` are for its manifest, which says what it has and what it passes
        over.

        Raises CatalogError naming a change that cannot be made, and GateError; the live version is
        then as it was.
        """
        target = self.target()
        folded = target.fold(changes)
        if folded.problems:
            place, said = next(iter(folded.problems.items()))
            raise CatalogError(f"change {place + 1}: {said}")
        if not (folded.changes_anything or applied or compact):
            return _unchanged(target)
        assert self._live is not None
        with self._store.staging() as folder:
            made = write_version(
                folder,
                target,
                folded,
                applied=applied,
                own=Collections(self._store.root),
                taken_back=taken_back,
                compact=compact,
                on_step=self._on_step,
            )
            if made.manifest.has_content_of(target.live.manifest):
                return _unchanged(target)
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
            drop_unused(self._store)
        except PublishError as error:  # the version is published already
            log.warning("old versions stay: %s", error)
        self._on_step("pruned")


def _unchanged(target: Target) -> ChangeReport:
    return ChangeReport(target.live.version, 0, target.live.n_items, None, published=False)


def _moved(snapshot: Snapshot, folder: Path) -> Snapshot:
    """A snapshot whose folder has been given its place."""
    bundle = snapshot.bundle
    segments = (replace(one, folder=folder / folder_of(one.name)) for one in bundle.segments)
    return replace(snapshot, bundle=replace(bundle, folder=folder, segments=tuple(segments)))


def compact(store: ArtifactStore, *, signing_key: Path | None = None) -> ChangeReport:
    """Publish the live version with its segments joined where that is due."""
    publisher = Publisher(store, signing_key=signing_key)
    with store.lock():
        store.reconcile()
        return publisher.publish([], applied={}, why="compact", compact=True)
