"""The artifacts in an object store: written here first, moved there, published on a condition."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from shortlist.bundle import layout
from shortlist.bundle.files import settle_tree, write_durably
from shortlist.bundle.journal import ROLLBACK, Event
from shortlist.bundle.location import Address
from shortlist.bundle.locks import Hold, only_writer
from shortlist.bundle.manifest import FileInfo, Manifest, is_version_name
from shortlist.bundle.reader import read_manifest
from shortlist.bundle.remote.cache import BLOBS, Cache, blob_of
from shortlist.bundle.remote.journal import RemoteJournal
from shortlist.bundle.remote.lease import Lease
from shortlist.bundle.remote.objects import Found, Objects, Tag, endpoint_of
from shortlist.bundle.remote.watched import BlocklistObject, Watched
from shortlist.bundle.store import ArtifactStore, OnStep, no_step
from shortlist.errors import BundleError, BundleMissing, PublishError

log = logging.getLogger(__name__)

CACHE_VARIABLE = "SHORTLIST_CACHE"

_UPLOADS_AT_A_TIME = 4


class RemoteStore(ArtifactStore):
    """Published bundles below an address; `root` is the folder of their local copies.

    CURRENT holds the live version and, in a line that begins with #, a word that is another one at
    each writing: a replacement on the condition of its tag fails whoever wrote between, be it the
    same version.
    """

    is_remote = True

    def __init__(self, address: Address, *, cache: Path | None = None) -> None:
        super().__init__(cache_folder(address, cache))
        self.name = str(address)
        self._objects = Objects(address)
        self._cache = Cache(self.root, self._objects)
        self._current = Watched(self._objects, layout.CURRENT)
        self.journal = self._journal = RemoteJournal(self._objects, layout.JOURNAL)
        self._lease: Lease | None = None
        self._base: Tag | None = None
        self._holds: list[Hold] = []

    def blocklist(self) -> BlocklistObject:
        """What is to be watched for items that must vanish."""
        return BlocklistObject(self._objects, layout.BLOCKLIST, self.root / layout.BLOCKLIST)

    def current_text(self) -> str | None:
        """What CURRENT holds, whatever that is; None without it. Raises StoreError."""
        return _named(self._current.read())

    def seen_text(self) -> str | None:
        """What CURRENT held when this process last looked."""
        return _named(self._current.seen)

    def fetched(self, version: str) -> Path:
        """The folder of a version, its files on this machine. Raises StoreError, BundleError."""
        folder = self._cache.fetch(version)
        if self._lease is not None:
            self._holds.append(Hold(folder))  # a builder links from it until it is done
        if version == self.seen_text():
            self._note_live(version)
        return folder

    def recheck(self, version: str) -> None:
        """Let go of the copy of a version if it is damaged: it is fetched again."""
        self._cache.discard_damaged(version)

    def manifest(self, version: str) -> Manifest:
        """The manifest of a version, which may not be here."""
        return self._cache.manifest(version)

    def at_hand(self) -> Iterator[str]:
        """The versions that are here: the one that was live last, then those used last."""
        with suppress(OSError):
            live = (self.root / layout.CURRENT).read_text(encoding="ascii").strip()
            if self._cache.has(live):
                yield live
        yield from self._cache.versions()

    def existing(self, version: str) -> Path:
        """The folder of a version. Raises BundleMissing naming those that exist."""
        if not is_version_name(version) or not self._exists(version):
            known = ", ".join(self.versions()) or "none"
            raise BundleMissing(f"{self.name}: no version {version!r}; published: {known}")
        return self.fetched(version)

    def _names(self, known: Sequence[str]) -> set[str]:
        """Every version with a manifest; each is asked for by its name, as lists may be old."""
        listed = {one for one in self._objects.folders() if is_version_name(one)}
        return {one for one in listed | set(known) if self._exists(one)}

    def _exists(self, version: str) -> bool:
        return self._objects.size(f"{version}/{layout.MANIFEST}") is not None

    @contextmanager
    def lock(self, *, briefly: bool = False) -> Iterator[None]:
        """Be the only writer, on this machine and elsewhere. Raises PublishError, StoreError."""
        lease = Lease(self._objects)
        with (
            only_writer(self.root, briefly=briefly),
            lease.held(briefly=briefly, taken_over=self._fence),
        ):
            self._lease, self._base = lease, _tag_of(self._current.look())
            try:
                yield
            finally:
                self._lease = None
                self._holds.clear()

    def _fence(self) -> None:
        """Write CURRENT anew: what the silent holder of the lock may yet write fails then."""
        found = self._current.look()
        live = _named(None if found is None else found.content)
        if self._swap(live or "", _tag_of(found)) is None:
            raise PublishError(f"{self.name}/{layout.CURRENT}: somebody moved it; run again")
        log.warning("%s: the lock of a writer that fell silent was taken over", self.name)

    def _swap(self, live: str, base: Tag | None) -> Tag | None:
        """Write CURRENT if it is as it was; returns its tag, None when it is not."""
        content = f"{live}\n# {secrets.token_hex(8)}\n".encode()
        if base is None:
            tag = self._objects.create(layout.CURRENT, content)
        else:
            tag = self._objects.replace(layout.CURRENT, content, base)
        if tag is None:  # or the answer to an attempt was lost
            found = self._current.look()
            if found is None or found.content != content:
                return None
            tag = found.tag
        self._current.wrote(content, tag)
        return tag

    def _held(self) -> None:
        """Raises PublishError where the lock is not held, or no more."""
        if self._lease is None:
            raise PublishError(f"{self.name}: written without its lock")
        self._lease.require()

    def publish(
        self, staged: Path, *, expected: str | None, why: str, on_step: OnStep = no_step
    ) -> str:
        """Make a named, sealed folder a version and the live one; returns its name.

        What the store has is not sent again. As of a folder, raises PublishError when somebody
        moved CURRENT meanwhile, and StoreError.
        """
        self._require_current(expected)
        settle_tree(staged)
        on_step("synced")
        version = staged.name
        self._upload(staged, read_manifest(staged))
        on_step("uploaded")
        self._held()
        self.journal.append(Event.INTENT, source=expected, target=version, why=why)
        on_step("intent written")
        try:
            self._upload_manifest(staged)
            on_step("renamed")
            self._move(version, expected=expected, why=why, on_step=on_step)
        except PublishError:
            self._discard_version(version)
            raise
        staged.rename(self.folder(version))
        self._note_live(version)
        return version

    def _upload(self, staged: Path, manifest: Manifest) -> None:
        """Send each file that the store does not have, by its content."""
        wanted = {one: staged / name for name, one in manifest.files.items()}
        with ThreadPoolExecutor(_UPLOADS_AT_A_TIME) as threads:
            sent = list(threads.map(lambda one: self._upload_file(*one), wanted.items()))
        log.info("%s: sent %.1f MB in %d files", staged.name, sum(sent) / 1e6, sum(map(bool, sent)))

    def _upload_file(self, described: FileInfo, path: Path) -> int:
        """Send a file unless a build that was cut off did; returns how many bytes were sent."""
        if self._objects.size(blob_of(described)) == described.size:
            return 0
        self._held()
        self._objects.upload(blob_of(described), path)
        return described.size

    def _upload_manifest(self, staged: Path) -> None:
        """Send what makes a version of the files, its manifest last."""
        self._held()
        for name in (layout.SIGNATURE, layout.MANIFEST):
            if (staged / name).is_file():
                self._objects.write(f"{staged.name}/{name}", (staged / name).read_bytes())

    def _require_current(self, expected: str | None) -> None:
        found = self._current.look()
        text = _named(None if found is None else found.content)
        if text != expected or _tag_of(found) != self._base:
            raise self._moved_by_others(expected, text)

    def _replace_current(self, target: str) -> None:
        self._held()
        tag = self._swap(target, self._base)
        if tag is None:
            raise self._moved_by_others(self.seen_text(), self.current_text())
        self._base = tag

    def _discard_version(self, version: str) -> None:
        self._remove_objects(version)
        self._cache.discard(version)

    def _remove_objects(self, version: str) -> None:
        """Remove what makes a version; without its manifest it is none."""
        for name in (layout.MANIFEST, layout.SIGNATURE):
            self._objects.remove([f"{version}/{name}"], before_each=self._held)

    def _remove(self, version: str) -> bool:
        self._discard_version(version)
        return True

    def prune(self, keep: int) -> list[str]:
        """As of a folder, but what services hold are their own copies: it holds nothing here.

        Files that no version has any more are removed too. Needs the lock.
        """
        for version in self._never_live():
            self._discard_version(version)
        removed = super().prune(keep)
        self._sweep()
        self._cache.trim()
        return removed

    def _never_live(self) -> list[str]:
        """What builds that were cut off left of versions."""
        entries = self.journal.entries()
        meant = {
            one.target
            for one in entries
            if one.event is Event.INTENT and not one.why.startswith(ROLLBACK)
        }
        was_live = {one.target for one in entries if one.event is Event.DONE}
        never = meant - was_live - {self.current_text()}
        return [one for one in sorted(never) if self._exists(one)]

    def _sweep(self) -> None:
        """Remove the files of no version. Listed before the manifests are read, not after."""
        listed = list(self._objects.names(BLOBS))
        existing = self.versions()
        try:
            manifests = [self.manifest(version) for version in existing]
        except BundleError as error:
            log.warning("%s: files of no version stay: %s", self.name, error)
            return
        used = {blob_of(one) for manifest in manifests for one in manifest.files.values()}
        unused = [one for one in listed if one not in used]
        self._objects.remove(unused, before_each=self._held)
        self._journal.trim(existing)
        self._cache.keep_manifests(existing)

    def _note_live(self, version: str) -> None:
        """Note what was live last, for when the store is away at a start."""
        path = self.root / layout.CURRENT
        with suppress(OSError):
            if not path.is_file() or path.read_text(encoding="ascii").strip() != version:
                write_durably(path, f"{version}\n".encode())


def cache_folder(address: Address, below: Path | None) -> Path:
    """The folder of the local copies of an address, below a named one or the user's own."""
    named = below or os.environ.get(CACHE_VARIABLE)
    if named:
        parent = Path(named)
    else:
        parent = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shortlist"
    digest = hashlib.sha256(f"{endpoint_of(address)} {address}".encode()).hexdigest()
    return parent / digest[:16]


def _named(content: bytes | None) -> str | None:
    """What CURRENT names, whatever that is, without its word; None where it names nothing."""
    if content is None:
        return None
    lines = content.decode("utf-8", errors="replace").strip().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    return "\n".join(names).strip() or (None if lines else "")


def _tag_of(found: Found | None) -> Tag | None:
    return None if found is None else found.tag
