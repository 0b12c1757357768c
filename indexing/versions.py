"""Looking after published versions: list, verify, roll back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from indexing.gate import load_as_served
from indexing.neighbours.blend import BLENDED
from shortlist.bundle.change_log import LOG, ChangeLog
from shortlist.bundle.manifest import Manifest
from shortlist.bundle.reader import open_bundle, read_manifest
from shortlist.bundle.sections.neighbour_lists import SECTION
from shortlist.bundle.signing import read_trusted_keys
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.shown import as_text
from shortlist.errors import BundleError, BundleMissing


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    """One published version; `problem` says why it does not verify, None when it does.

    `learnt` is what its build has learnt of the catalogue, by section.
    """

    version: str
    live: bool
    age_s: float | None = None
    catalog: str | None = None
    items: int | None = None
    model: str | None = None
    size_bytes: int
    learnt: Mapping[str, Mapping[str, Any]] | None = None
    problem: str | None = None


def list_versions(store: ArtifactStore) -> list[VersionRow]:
    """Every version, the one published last first, its checksums verified."""
    current = store.current_text()
    return [_describe(store, version, current) for version in reversed(store.versions())]


def verify(store: ArtifactStore, version: str | None, *, trusted_keys: Iterable[str] = ()) -> str:
    """Check a version (by default the live one) as the service would; returns its name.

    Raises BundleMissing, BundleCorrupt, BundleUntrusted, BundleUnsupported, EncoderError,
    GateError, and SigningError for `trusted_keys` that are none.
    """
    keys = read_trusted_keys(trusted_keys)
    folder = store.existing(version) if version else store.live_folder()
    load_as_served(folder, trusted_keys=keys)
    return folder.name


def roll_back(store: ArtifactStore, version: str | None) -> tuple[str | None, str]:
    """Make a version live again, by default the one before; returns what was and what is live.

    It is verified first. Raises BundleMissing when there is none to go back to.
    """
    with store.lock():
        store.reconcile()
        target = version or store.previous()
        if target is None:
            raise BundleMissing(f"{store.name}: the journal names no earlier version that exists")
        verify(store, target)
        was = store.current_text()
        _note_changes(store)
        store.rollback(target)
    return was, target


def _note_changes(store: ArtifactStore) -> None:
    """Note that the live version has the changes it has: taken back, they are not made again."""
    changes = ChangeLog(store.root)
    try:
        applied = read_manifest(store.live_folder()).applied.get(LOG, 0)
    except BundleError:
        return  # what it has cannot be told
    if applied > changes.through():
        changes.done(applied)


def _describe(store: ArtifactStore, version: str, current: str | None) -> VersionRow:
    row = VersionRow(version=version, live=version == current, size_bytes=0)
    try:
        folder = store.fetched(version)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        row = replace(row, size_bytes=size)
        manifest = read_manifest(folder)
        row = replace(
            row,
            age_s=manifest.age_s(),
            catalog=manifest.catalog.name,
            items=manifest.counts.items,
            model=manifest.encoder.name,
            learnt=_learnt(manifest),
        )
        open_bundle(folder)
    except BundleError as error:
        return replace(row, problem=str(error))
    return row


def _learnt(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """What is told of learnt sections, but for what only a build compares, and learnt profiles."""
    found: dict[str, dict[str, Any]] = {
        name: {key: value for key, value in section.params.items() if key != "key"}
        for name, section in manifest.sections.items()
    }
    if found.get(SECTION, {}).get("learnt_from_users"):
        profiles = {name: manifest.profiles.get(name) for name in BLENDED}
        found["profiles"] = {name: one.weights for name, one in profiles.items() if one is not None}
    return {name: told for name, told in found.items() if told}


def versions_table(rows: Sequence[VersionRow]) -> str:
    """One line a version under a heading; a line for an empty folder."""
    if not rows:
        return "nothing is published here"
    head = ("version", "live", "age", "catalogue", "items", "model", "size", "verified")
    cells = [
        (
            row.version,
            "*" if row.live else "",
            "?" if row.age_s is None else human_age(row.age_s),
            row.catalog or "?",
            "?" if row.items is None else f"{row.items:,}",
            row.model or "?",
            human_size(row.size_bytes),
            "yes" if row.problem is None else f"no: {row.problem}",
        )
        for row in rows
    ]
    return as_text(head, cells)


def human_size(n_bytes: float) -> str:
    """Bytes in decimal units, as 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} B" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def human_age(age_s: float) -> str:
    """Seconds in the largest unit that fits, as 3 h."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if age_s >= size:
            return f"{age_s / size:.0f} {unit}"
    return f"{age_s:.0f} s"
