"""Looking after published versions: list, verify, roll back, prune, compare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from indexing.gate import load_as_served
from shortlist.bundle.manifest import parse_time
from shortlist.bundle.reader import open_bundle, read_manifest
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import BundleError, BundleMissing


@dataclass(frozen=True)
class VersionRow:
    """One published version; `problem` says why it does not verify, None when it does."""

    version: str
    live: bool
    age_s: float | None
    catalog: str | None
    items: int | None
    model: str | None
    size_bytes: int
    problem: str | None


def list_versions(store: ArtifactStore) -> list[VersionRow]:
    """Every version, newest first, its checksums verified."""
    current = store.current_text()
    return [_describe(store, version, current) for version in reversed(store.versions())]


def verify(store: ArtifactStore, version: str | None) -> str:
    """Check a version (by default the live one) as the service would; returns its name.

    Raises BundleMissing, BundleCorrupt, BundleUnsupported or EncoderError.
    """
    folder = store.existing(version) if version else store.live_folder()
    load_as_served(folder)
    return folder.name


def roll_back(store: ArtifactStore, version: str | None) -> tuple[str | None, str]:
    """Make a version live again, by default the one before; returns what was and what is live.

    It is verified first. Raises BundleMissing when there is none to go back to.
    """
    with store.lock():
        store.reconcile()
        target = version or store.previous()
        if target is None:
            raise BundleMissing(f"{store.root}: the journal names no earlier version that exists")
        verify(store, target)
        was = store.current_text()
        store.rollback(target)
    return was, target


def _describe(store: ArtifactStore, version: str, current: str | None) -> VersionRow:
    folder = store.folder(version)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    try:
        manifest = read_manifest(folder)
    except BundleError as error:
        return VersionRow(version, version == current, None, None, None, None, size, str(error))
    return VersionRow(
        version=version,
        live=version == current,
        age_s=(datetime.now(UTC) - parse_time(manifest.created_at)).total_seconds(),
        catalog=manifest.catalog.name,
        items=manifest.counts.items,
        model=manifest.encoder.name,
        size_bytes=size,
        problem=_problem(folder),
    )


def _problem(folder: Path) -> str | None:
    try:
        open_bundle(folder)
    except BundleError as error:
        return str(error)
    return None
