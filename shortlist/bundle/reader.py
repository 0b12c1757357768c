"""Reading a bundle: the manifest first, then checksums, then the files, memory-mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shortlist.bundle import layout
from shortlist.bundle.manifest import FileInfo, Manifest, SegmentInfo, decode_manifest, version_name
from shortlist.bundle.places import Places, places_of
from shortlist.bundle.sections import Sections, read_sections, unknown_sections
from shortlist.bundle.segments import (
    Segment,
    all_titles_of,
    all_words_of,
    files_of,
    folder_of,
    in_version,
    read_segment,
)
from shortlist.bundle.signing import check_signature
from shortlist.bundle.tables import IdMap, ItemTable, read_id_map, read_items
from shortlist.bundle.vectors import AllVectors
from shortlist.encoder.parity import CANARY_TEXTS, CANARY_VECTORS
from shortlist.encoder.runtime import MODEL, SETTINGS, TOKENIZER, WEIGHTS
from shortlist.errors import BundleCorrupt, BundleMissing

if TYPE_CHECKING:
    from shortlist.bundle.signing import TrustedKeys

_HASHING_THREADS = 2
_MOST_MANIFEST_BYTES = 16 << 20
_ENCODER_FILES = (MODEL, WEIGHTS, TOKENIZER, SETTINGS, CANARY_TEXTS, CANARY_VECTORS)
_ALWAYS = (
    *(layout.ID_MAP, layout.ITEMS),
    *(f"{layout.ENCODER}/{name}" for name in _ENCODER_FILES),
)


@dataclass(frozen=True)
class Bundle:
    """One opened bundle; every array is a read-only view of a mapped file.

    `vectors` are those of all items, float32 [n, dim], unit rows, wherever `places` says that they
    stand in the segments. `unknown_sections` are optional sections that this code does not know and
    leaves alone.
    """

    version: str
    folder: Path
    manifest: Manifest
    segments: tuple[Segment, ...]
    places: Places
    vectors: AllVectors
    ids: IdMap
    items: ItemTable
    sections: Sections
    unknown_sections: tuple[str, ...]

    @property
    def n_items(self) -> int:
        """How many items the bundle holds."""
        return len(self.ids)


def read_manifest(folder: Path, *, trusted_keys: TrustedKeys = ()) -> Manifest:
    """The manifest of a published bundle, checked against the version in its folder's name.

    Where there are `trusted_keys` one of them must have signed it. Raises BundleMissing when there
    is none, BundleCorrupt when it was altered, BundleUntrusted, and BundleUnsupported for a later
    format.
    """
    path = folder / layout.MANIFEST
    _refuse_links(folder, layout.MANIFEST)
    try:
        if path.stat().st_size > _MOST_MANIFEST_BYTES:
            raise BundleCorrupt(f"{path}: more than {_MOST_MANIFEST_BYTES} bytes, no manifest")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise BundleMissing(f"{path}: no such file; the version is missing or damaged") from error
    except OSError as error:
        raise BundleCorrupt(f"{path}: cannot be read: {error}") from error
    digest = version_name("", content)
    if not folder.name.endswith(digest):
        raise BundleCorrupt(
            f"manifest.json: its checksum gives {digest[1:]}, the version is named {folder.name}"
        )
    if trusted_keys:
        _refuse_links(folder, layout.SIGNATURE)
        check_signature(folder, content, trusted_keys)
    manifest = decode_manifest(content)
    expected = version_name(manifest.created_at, content)
    if folder.name != expected:
        raise BundleCorrupt(f"manifest.json: describes {expected}, the folder is {folder.name}")
    return manifest


def verify_files(folder: Path, manifest: Manifest, *, known: Verified | None = None) -> None:
    """Compare size and SHA-256 of every file with the manifest.

    A file that is one of those `known` (the same on the disk, linked into both) is not read again.
    Raises BundleCorrupt naming the first file that is missing, a link, or different.
    """
    unread = []
    for name, described in manifest.files.items():
        _refuse_links(folder, name)
        if not (folder / name).is_file():
            raise BundleCorrupt(f"{name}: the file is missing")
        size = (folder / name).stat().st_size
        if size != described.size:
            raise BundleCorrupt(f"{name}: {size} bytes, the manifest says {described.size}")
        if known is None or not known.is_same(folder, name, described):
            unread.append(name)
    with ThreadPoolExecutor(_HASHING_THREADS) as threads:
        digests = threads.map(lambda name: sha256_of_file(folder / name), unread)
        for name, digest in zip(unread, digests, strict=True):
            if digest != manifest.files[name].sha256:
                raise BundleCorrupt(
                    f"{name}: SHA-256 is {digest}, the manifest says {manifest.files[name].sha256}"
                )


@dataclass(frozen=True)
class Verified:
    """A version whose files were compared with its manifest when it was opened."""

    folder: Path
    files: dict[str, FileInfo]

    def is_same(self, folder: Path, name: str, described: FileInfo) -> bool:
        """Whether a file of another version is the file that was verified here."""
        if self.files.get(name) != described:
            return False
        try:
            return (self.folder / name).samefile(folder / name)
        except OSError:
            return False


def open_bundle(
    folder: Path, *, trusted_keys: TrustedKeys = (), sharing: Bundle | None = None
) -> Bundle:
    """Verify a published bundle and map it into memory.

    What it shares with the opened bundle `sharing`, file for file, is neither read nor mapped
    again. Raises BundleMissing, BundleCorrupt (names the file), BundleUntrusted or
    BundleUnsupported.
    """
    manifest = read_manifest(folder, trusted_keys=trusted_keys)
    unknown = unknown_sections(manifest)
    of_sections = [name for section in manifest.sections.values() for name in section.files]
    for name in (*_ALWAYS, *of_sections, *files_of(manifest)):
        if name not in manifest.files:  # without a checksum, so it must never be opened
            raise BundleCorrupt(f"manifest.json: files: {name!r} is not among them")
    known = None if sharing is None else Verified(sharing.folder, sharing.manifest.files)
    verify_files(folder, manifest, known=known)
    segments = tuple(_segments(folder, manifest, sharing))
    n_items = manifest.counts.items
    places = places_of([one.rows for one in segments], n_items=n_items)
    ids, items = _tables(folder, manifest, sharing)
    _check_counts(manifest, ids, items)
    held = None if sharing is None else (sharing.manifest, sharing.sections)
    sections = read_sections(folder, manifest, sharing=held)
    return Bundle(
        version=folder.name,
        folder=folder,
        manifest=manifest,
        segments=segments,
        places=places,
        vectors=AllVectors([one.vectors for one in segments], places),
        ids=ids,
        items=items,
        sections=replace(
            sections,
            titles=all_titles_of(segments, places),
            words=all_words_of(segments, places, sections.key_terms),
        ),
        unknown_sections=unknown,
    )


def _tables(folder: Path, manifest: Manifest, sharing: Bundle | None) -> tuple[IdMap, ItemTable]:
    """The id map and the item columns, each as an opened bundle has it if that has the file."""

    def held(name: str) -> Bundle | None:
        is_held = sharing is not None and manifest.shares(sharing.manifest, [name])
        return sharing if is_held else None

    with_ids, with_items = held(layout.ID_MAP), held(layout.ITEMS)
    ids = read_id_map(folder / layout.ID_MAP) if with_ids is None else with_ids.ids
    items = read_items(folder / layout.ITEMS) if with_items is None else with_items.items
    return ids, items


def _segments(folder: Path, manifest: Manifest, sharing: Bundle | None) -> Iterator[Segment]:
    """The segments of a bundle, those that an opened one has as they are there."""
    known = {} if sharing is None else {one.name: one for one in sharing.segments if one.name}
    for info in manifest.parts:
        held = known.get(info.name)
        if held is None or sharing is None or not _is_shared(held, info, sharing, manifest):
            held = read_segment(folder, manifest, info)
        yield in_version(held, folder, manifest, info)


def _is_shared(held: Segment, info: SegmentInfo, sharing: Bundle, manifest: Manifest) -> bool:
    """Whether an open segment is the one that another manifest describes, file for file."""
    inside, other = f"{folder_of(info.name)}/", sharing.manifest
    files = (
        {name: one for name, one in each.files.items() if name.startswith(inside)}
        for each in (other, manifest)
    )
    same = held.info.model_copy(update={"live": info.live}) == info
    return same and other.embedding_dim == manifest.embedding_dim and next(files) == next(files)


def sha256_of_file(path: Path) -> str:
    """The file's SHA-256 as 64 hex digits. Raises BundleCorrupt when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BundleCorrupt(f"{path.name}: cannot be read: {error}") from error


def _refuse_links(folder: Path, name: str) -> None:
    """A symbolic link in a bundle could lead out of it."""
    path = folder
    for part in Path(name).parts:
        path = path / part
        if path.is_symlink():
            raise BundleCorrupt(f"{name}: a symbolic link, not a file of the bundle")


def _check_counts(manifest: Manifest, ids: IdMap, items: ItemTable) -> None:
    expected = manifest.counts.items
    for name, found in ((layout.ID_MAP, len(ids)), (layout.ITEMS, len(items))):
        if found != expected:
            raise BundleCorrupt(f"{name}: {found} rows, expected {expected}")
    if (items.popularity is None) is not (manifest.popularity is None):
        raise BundleCorrupt(f"{layout.ITEMS}: has ratings where manifest.json has none, or not")
