"""The local copies of versions: what each adds is fetched once a machine, then verified."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from shortlist.bundle import layout
from shortlist.bundle.files import make_folder, settle_tree, write_durably
from shortlist.bundle.locks import free_to_remove
from shortlist.bundle.manifest import FileInfo, Manifest, is_version_name
from shortlist.bundle.reader import read_manifest, verify_files
from shortlist.bundle.remote.objects import PART_BYTES, Objects
from shortlist.errors import BundleCorrupt, BundleError, BundleMissing, StoreError

log = logging.getLogger(__name__)

BLOBS = "blobs"
KEPT = 3
"""So many versions stay in the cache, those used last; of others, those that somebody holds."""

_FETCHING = ".fetching-"
_MANIFESTS = ".manifests"
_LOCK = ".cache-lock"
_AT_A_TIME = 4
_USED_S = 5.0
_MOST_MANIFEST_BYTES = 16 << 20


def blob_of(described: FileInfo) -> str:
    """The object that holds a file, named by its content."""
    return f"{BLOBS}/{described.sha256}"


class Cache:
    """Copies of versions below a folder that all processes of a machine share.

    A version has its name there when it is whole and verified, never before.
    """

    def __init__(self, root: Path, objects: Objects) -> None:
        self.root, self._objects = root, objects

    def has(self, version: str) -> bool:
        """Whether a version is here."""
        return (self.root / version / layout.MANIFEST).is_file()

    def fetch(self, version: str) -> Path:
        """The folder of a version, fetched unless it is here; one process of a machine does it.

        What is here of other versions is linked. What was fetched before it was cut off stays for
        the next attempt. Raises StoreError, BundleMissing, BundleCorrupt.
        """
        folder = self.root / version
        if not self.has(version):
            with self._alone():
                if not self.has(version):
                    self._fetch(version)
                    self._evict(spared=version)
        if time.time() - _used_at(folder) > _USED_S:
            with suppress(OSError):
                os.utime(folder)  # used last
        return folder

    def versions(self) -> list[str]:
        """The versions that are here, the one used last first."""
        try:
            found = [one for one in self.root.iterdir() if is_version_name(one.name)]
            return [one.name for one in sorted(found, key=_used_at, reverse=True)]
        except FileNotFoundError:
            return []

    def manifest(self, version: str) -> Manifest:
        """The manifest of a version, checked against its name, without any other of its files."""
        if self.has(version):
            return read_manifest(self.root / version)
        folder = self.root / _MANIFESTS / version
        if not (folder / layout.MANIFEST).is_file():
            make_folder(folder)
            write_durably(folder / layout.MANIFEST, self._manifest_bytes(version))
        return read_manifest(folder)

    def keep_manifests(self, versions: Collection[str]) -> None:
        """Let go of the manifests that were read of other versions."""
        for folder in (self.root / _MANIFESTS).glob("*"):
            if folder.name not in versions:
                shutil.rmtree(folder, ignore_errors=True)

    def discard_damaged(self, version: str) -> None:
        """Remove the copy of a version if its files are not what they were."""
        with self._alone():
            if self.has(version):
                try:
                    verify_files(self.root / version, read_manifest(self.root / version))
                except BundleError as error:
                    log.warning("%s: the copy in the cache is damaged: %s", version, error)
                    self._remove(version)

    def discard(self, version: str) -> None:
        """Remove the copy of a version, unless somebody holds it."""
        shutil.rmtree(self.root / _MANIFESTS / version, ignore_errors=True)
        if self.has(version):
            with free_to_remove(self.root / version) as free:
                if free:
                    self._remove(version)

    def _remove(self, version: str) -> None:
        """Remove a copy; a reader never sees half of it."""
        trash = self.root / f"{_FETCHING}removed-{version}"
        shutil.rmtree(trash, ignore_errors=True)
        (self.root / version).rename(trash)
        shutil.rmtree(trash, ignore_errors=True)

    def trim(self) -> None:
        """Remove all but the versions used last, and those that somebody holds."""
        with self._alone():
            self._evict(spared="")

    def _evict(self, *, spared: str) -> None:
        for version in self.versions()[KEPT:]:
            if version != spared:
                self.discard(version)
        for leftover in self.root.glob(f"{_FETCHING}*"):
            shutil.rmtree(leftover, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only one on this machine who fetches or removes."""
        make_folder(self.root)
        handle = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _fetch(self, version: str) -> None:
        began = time.monotonic()
        folder = self.root / f"{_FETCHING}{version}" / version
        make_folder(folder)
        for name in (layout.SIGNATURE, layout.MANIFEST):
            (folder / name).unlink(missing_ok=True)
        (folder / layout.MANIFEST).write_bytes(self._manifest_bytes(version))
        signature = self._objects.content(f"{version}/{layout.SIGNATURE}")
        if signature is not None:
            (folder / layout.SIGNATURE).write_bytes(signature.content)
        manifest = read_manifest(folder)
        n_bytes = self._fetch_files(folder, manifest)
        settle_tree(folder)
        folder.rename(self.root / version)
        folder.parent.rmdir()
        log.info(
            "%s: fetched %.1f MB of %.1f MB in %.1f s",
            version,
            n_bytes / 1e6,
            sum(one.size for one in manifest.files.values()) / 1e6,
            time.monotonic() - began,
        )

    def _manifest_bytes(self, version: str) -> bytes:
        found = self._objects.content(
            f"{version}/{layout.MANIFEST}", most_bytes=_MOST_MANIFEST_BYTES
        )
        if found is None:
            raise BundleMissing(f"{self._objects.address}: has no version {version}")
        return found.content

    def _fetch_files(self, folder: Path, manifest: Manifest) -> int:
        """Link what is here and fetch the rest; returns how many bytes were fetched."""
        here = self._files_here()
        wanted: list[tuple[Path, FileInfo]] = []
        for name, described in manifest.files.items():
            path = folder / name
            make_folder(path.parent)
            if path.is_file() and _sha256(path) == described.sha256:
                continue  # by an attempt that was cut off
            path.unlink(missing_ok=True)
            if not _linked(here.get((described.sha256, described.size)), path):
                wanted.append((path, described))
        with ThreadPoolExecutor(_AT_A_TIME) as threads:
            list(threads.map(lambda one: self._fetch_file(*one), wanted))
        return sum(described.size for _, described in wanted)

    def _files_here(self) -> dict[tuple[str, int], Path]:
        """The files of the versions that are here, by SHA-256 and size."""
        found = {}
        for version in self.versions():
            with suppress(BundleError):
                for name, described in read_manifest(self.root / version).files.items():
                    found[described.sha256, described.size] = self.root / version / name
        return found

    def _fetch_file(self, path: Path, described: FileInfo) -> None:
        """Fetch a file and compare it with what it should be, once more if it is not."""
        part = path.with_name(f"{path.name}.part")
        for _ in range(2):
            self._fetch_parts(part, described)
            if _sha256(part) == described.sha256:
                part.rename(path)
                return
            part.unlink()
        raise BundleCorrupt(
            f"{path.name}: what {self._objects.address} has for it is not what the manifest says"
        )

    def _fetch_parts(self, part: Path, described: FileInfo) -> None:
        """Fetch what is missing of a file, part after part."""
        with part.open("ab") as stream:
            if stream.tell() > described.size:
                stream.truncate(0)
            while (done := stream.tell()) < described.size:
                length = min(PART_BYTES, described.size - done)
                content = self._objects.part(blob_of(described), done, length)
                if content is None:
                    raise BundleCorrupt(
                        f"{self._objects.address}: {part.stem}: the file is missing"
                    )
                if len(content) != length:
                    raise StoreError(
                        f"{self._objects.address}/{blob_of(described)}: {len(content)} bytes at"
                        f" {done}, expected {length}"
                    )
                stream.write(content)


def _linked(source: Path | None, path: Path) -> bool:
    """Whether a file of another version could be linked."""
    if source is None:
        return False
    try:
        os.link(source, path)
    except OSError:
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _used_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
