"""The artifacts folder: published versions, and CURRENT, which names the live one."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from shortlist.bundle import layout
from shortlist.bundle.blocklist import BlocklistFile
from shortlist.bundle.files import discard, open_regular, settle_tree, sync, writable
from shortlist.bundle.files import write_durably as write
from shortlist.bundle.journal import ROLLBACK, Event, Journal
from shortlist.bundle.location import location_of
from shortlist.bundle.locks import free_to_remove, only_writer
from shortlist.bundle.manifest import Manifest, is_version_name, version_name
from shortlist.bundle.reader import read_manifest
from shortlist.errors import BundleCorrupt, BundleError, BundleMissing, PublishError, StoreError

log = logging.getLogger(__name__)

OnStep = Callable[[str], object]


def no_step(_name: str) -> None:
    """Nothing, at every step."""


class ArtifactStore:
    """Published bundles below `root`. Reading needs no lock; writing holds `lock()`."""

    is_remote = False

    def __init__(self, root: Path) -> None:
        if location_of(root) != root:
            raise StoreError(f"{root}: no folder; an address is opened by open_store")
        self.root, self.name = root, str(root)
        self.journal = Journal(root / layout.JOURNAL)

    def blocklist(self) -> BlocklistFile:
        """What is to be watched for items that must vanish."""
        return BlocklistFile(self.root / layout.BLOCKLIST)

    def current(self) -> str | None:
        """The live version, None when nothing is published.

        Raises BundleCorrupt when CURRENT does not hold a version's name.
        """
        name = self.current_text()
        if name is not None and not is_version_name(name):
            raise BundleCorrupt(
                f"{self.name}/{layout.CURRENT}: {name[:80]!r} is no version's name; publish again,"
                " or `shortlist rollback`"
            )
        return name

    def seen_text(self) -> str | None:
        """What CURRENT holds as far as this process knows: asked for again and again."""
        return self.current_text()

    def current_text(self) -> str | None:
        """What CURRENT holds, whatever that is; None without the file."""
        path = self.root / layout.CURRENT
        try:
            with open_regular(path) as stream:
                return stream.read().decode("utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BundleCorrupt(f"{path}: cannot be read: {error}") from error

    def folder(self, version: str) -> Path:
        """Where a version lies, whether it exists or not."""
        return self.root / version

    def fetched(self, version: str) -> Path:
        """The folder of a version, its files on this machine as far as it has any."""
        return self.folder(version)

    def recheck(self, version: str) -> None:
        """Let go of what this machine has of a version that cannot be used and lies elsewhere."""

    def live_version(self) -> str:
        """The live version. Raises BundleMissing when nothing is published."""
        version = self.current()
        if version is None:
            raise BundleMissing(
                f"{self.name}: nothing is published here; run `make index` (or `shortlist build`)"
            )
        return version

    def live_folder(self) -> Path:
        """The folder of the live version. Raises BundleMissing when nothing is published."""
        return self.fetched(self.live_version())

    def manifest(self, version: str) -> Manifest:
        """The manifest of a version. Raises BundleMissing, BundleCorrupt, BundleUnsupported."""
        return read_manifest(self.folder(version))

    def versions(self) -> list[str]:
        """Every complete version, in the order in which they were published: the journal's.

        A name's time is that of one host's clock and decides nothing. What the journal does not
        know, as it was copied by hand, comes before all others, by name.
        """
        return self._existing(self.journal.published())

    def by_last_live(self) -> list[str]:
        """Every complete version, in the order in which they were last live: as they are pruned.

        What never was by the journal comes before all others, by name.
        """
        return self._existing(self.journal.last_live())

    def _existing(self, order: Sequence[str]) -> list[str]:
        """Every complete version: those of no place in an order by name, then the others."""
        existing = self._names(order)
        return [*sorted(existing.difference(order)), *(one for one in order if one in existing)]

    def _names(self, _known: Sequence[str]) -> set[str]:
        """The names of all complete versions, whether `_known` by the journal or not."""
        if not self.root.is_dir():
            return set()
        return {path.name for path in self.root.iterdir() if is_version_name(path.name)}

    def at_hand(self) -> Iterator[str]:
        """Versions to serve where the live one cannot be, the best first."""
        published = set(self.versions())
        yield from (one for one in reversed(self.journal.history()) if one in published)

    def live_catalog(self) -> str | None:
        """The name of the live catalogue, None when nothing is published.

        Of a live version whose manifest cannot be read, that of the readable version that was live
        last stands in: damage must not make another catalogue welcome.
        """
        current = self.current_text()
        for version in [current, *reversed(self.by_last_live())] if current else []:
            try:
                return self.manifest(version).catalog.name
            except BundleError:
                continue
        return None

    def existing(self, version: str) -> Path:
        """The folder of a version. Raises BundleMissing naming those that exist."""
        if version not in self.versions():
            known = ", ".join(self.versions()) or "none"
            raise BundleMissing(f"{self.name}: no version {version!r}; published: {known}")
        return self.fetched(version)

    def previous(self) -> str | None:
        """The version that was live before the live one, by the journal, if it still exists."""
        return self.journal.before(self.current_text(), existing=set(self.versions()))

    def lock(self, *, briefly: bool = False) -> AbstractContextManager[None]:
        """Be the only writer. Raises PublishError saying who is, when somebody else is.

        One who is so `briefly`, again and again, is waited for by others.
        """
        return only_writer(self.root, briefly=briefly)

    def reconcile(self) -> None:
        """Close a move that was cut off and remove what killed builds left. Needs the lock."""
        for pattern in (f"{layout.STAGING_PREFIX}*", f".{layout.CURRENT}-*"):
            for leftover in self.root.glob(pattern):
                discard(leftover)
        intent = self.journal.open_intent()
        if intent is None:
            return
        moved = self.current_text() == intent.target
        event = Event.DONE if moved else Event.ABANDONED
        if not moved and intent.why != ROLLBACK and intent.target not in self.journal.history():
            self._discard_version(intent.target)
        self.journal.append(event, source=intent.source, target=intent.target, why=intent.why)
        log.warning("a move to %s was cut off; it is %s", intent.target, event.value)

    def _discard_version(self, version: str) -> None:
        """Remove a version that never was live."""
        discard(self.folder(version))

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder beside the versions, removed at the end. Needs the lock."""
        with writable(self.root):
            folder = Path(tempfile.mkdtemp(prefix=layout.STAGING_PREFIX, dir=self.root))
        try:
            inner = folder / "bundle"
            inner.mkdir()
            yield inner
        except OSError as error:
            # of a copy or a move the second name is where it should go
            place = error.filename2 or error.filename or self.root
            raise PublishError(
                f"{place}: {error.strerror or error}; the live version is as it was"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def name_staged(self, staged: Path, manifest: Manifest) -> Path:
        """Give a sealed folder its version's name, still inside the staging folder."""
        content = (staged / layout.MANIFEST).read_bytes()
        return staged.rename(staged.with_name(version_name(manifest.created_at, content)))

    def publish(
        self, staged: Path, *, expected: str | None, why: str, on_step: OnStep = no_step
    ) -> str:
        """Make a named, sealed folder a version and the live one; returns its name.

        `expected` is what CURRENT held when the build began. Raises PublishError, and keeps
        nothing of the new version, when somebody moved CURRENT meanwhile. Needs the lock.
        """
        self._require_current(expected)
        settle_tree(staged)
        on_step("synced")
        version = staged.name
        self.journal.append(Event.INTENT, source=expected, target=version, why=why)
        on_step("intent written")
        try:
            staged.rename(self.folder(version))
            sync(self.root)
            on_step("renamed")
            self._move(version, expected=expected, why=why, on_step=on_step)
        except (PublishError, OSError):
            if self.current_text() != version:
                shutil.rmtree(self.folder(version), ignore_errors=True)
            raise
        return version

    def move_current(self, target: str, *, expected: str | None, why: str) -> None:
        """Point CURRENT at an existing version, if it still holds `expected`. Needs the lock."""
        self.journal.append(Event.INTENT, source=expected, target=target, why=why)
        self._move(target, expected=expected, why=why)

    def _move(
        self, target: str, *, expected: str | None, why: str, on_step: OnStep = no_step
    ) -> None:
        """Replace CURRENT, the intent being written, and close the journal's entry."""
        try:
            self._require_current(expected)
            self._replace_current(target)
        except PublishError:
            self.journal.append(Event.ABANDONED, source=expected, target=target, why=why)
            raise
        except OSError as error:
            raise PublishError(
                f"{self.name}/{layout.CURRENT}: cannot be written: {error.strerror}"
            ) from error
        on_step("CURRENT replaced")
        self.journal.append(Event.MOVE, source=expected, target=target, why=why)
        on_step("move written")
        self.journal.append(Event.DONE, source=expected, target=target, why=why)
        on_step("done written")

    def _replace_current(self, target: str) -> None:
        """Make CURRENT name a version."""
        write(self.root / layout.CURRENT, f"{target}\n".encode())

    def rollback(self, target: str) -> None:
        """Point CURRENT at an existing version. Needs the lock."""
        self.move_current(target, expected=self.current_text(), why=ROLLBACK)

    def prune(self, keep: int) -> list[str]:
        """Remove all but `keep` versions beside the live one, those last live; returns the removed.

        The live version, the one before it and any that a running service holds stay in any
        case. Needs the lock.
        """
        safe = {self.current_text(), self.previous()}
        old = [version for version in self.by_last_live() if version not in safe]
        spared = max(0, keep - len(safe - {None, self.current_text()}))
        return [version for version in old[: max(0, len(old) - spared)] if self._remove(version)]

    def _remove(self, version: str) -> bool:
        """Remove a version unless it is held; a reader never sees half of it."""
        folder = self.folder(version)
        with free_to_remove(folder) as free:
            if not free:
                return False
            trash = self.root / f"{layout.STAGING_PREFIX}removed-{version}"
            with writable(self.root):
                folder.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)
        return True

    def _require_current(self, expected: str | None) -> None:
        found = self.current_text()
        if found != expected:
            raise self._moved_by_others(expected, found)

    def _moved_by_others(self, expected: str | None, found: str | None) -> PublishError:
        return PublishError(
            f"{self.name}/{layout.CURRENT}: was {expected or 'absent'} when this began and is"
            f" {found or 'absent'} now; somebody moved it, nothing is published; run again"
        )
