"""Reading a bundle: the manifest first, then checksums, then the files, memory-mapped."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shortlist.bundle import layout
from shortlist.bundle.arrays import Vectors, map_array
from shortlist.bundle.manifest import Manifest, decode_manifest, version_name
from shortlist.bundle.rules import check_unit_rows
from shortlist.bundle.sections import Sections, read_sections, unknown_sections
from shortlist.bundle.signing import check_signature
from shortlist.bundle.tables import IdMap, ItemTable, read_id_map, read_items
from shortlist.encoder.parity import CANARY_TEXTS, CANARY_VECTORS
from shortlist.encoder.runtime import MODEL, SETTINGS, TOKENIZER, WEIGHTS
from shortlist.errors import BundleCorrupt, BundleMissing

if TYPE_CHECKING:
    from shortlist.bundle.signing import TrustedKeys

_HASHING_THREADS = 2
_MOST_MANIFEST_BYTES = 16 << 20
_ENCODER_FILES = (MODEL, WEIGHTS, TOKENIZER, SETTINGS, CANARY_TEXTS, CANARY_VECTORS)
_ALWAYS = (
    *(layout.VECTORS, layout.ID_MAP, layout.ITEMS, layout.DOCUMENTS),
    *(f"{layout.ENCODER}/{name}" for name in _ENCODER_FILES),
)


@dataclass(frozen=True)
class Bundle:
    """One opened bundle; every array is a read-only view of a mapped file.

    `vectors` is float32 [n, dim], unit rows. `unknown_sections` are optional sections that
    this code does not know and leaves alone.
    """

    version: str
    folder: Path
    manifest: Manifest
    vectors: Vectors
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


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare size and SHA-256 of every file with the manifest.

    Raises BundleCorrupt naming the first file that is missing, a link, or different.
    """
    for name, described in manifest.files.items():
        _refuse_links(folder, name)
        if not (folder / name).is_file():
            raise BundleCorrupt(f"{name}: the file is missing")
        size = (folder / name).stat().st_size
        if size != described.size:
            raise BundleCorrupt(f"{name}: {size} bytes, the manifest says {described.size}")
    with ThreadPoolExecutor(_HASHING_THREADS) as threads:
        digests = threads.map(lambda name: sha256_of_file(folder / name), manifest.files)
        for (name, described), digest in zip(manifest.files.items(), digests, strict=True):
            if digest != described.sha256:
                raise BundleCorrupt(
                    f"{name}: SHA-256 is {digest}, the manifest says {described.sha256}"
                )


def open_bundle(folder: Path, *, trusted_keys: TrustedKeys = ()) -> Bundle:
    """Verify a published bundle and map it into memory.

    Raises BundleMissing, BundleCorrupt (names the file), BundleUntrusted or BundleUnsupported.
    """
    manifest = read_manifest(folder, trusted_keys=trusted_keys)
    unknown = unknown_sections(manifest)
    of_sections = [name for section in manifest.sections.values() for name in section.files]
    for name in (*_ALWAYS, manifest.retrieval.file, *of_sections):
        if name not in manifest.files:  # without a checksum, so it must never be opened
            raise BundleCorrupt(f"manifest.json: files: {name!r} is not among them")
    verify_files(folder, manifest)
    shape = manifest.counts.items, manifest.embedding_dim
    vectors = map_array(folder / layout.VECTORS, np.float32, *shape)
    ids, items = read_id_map(folder / layout.ID_MAP), read_items(folder / layout.ITEMS)
    check_unit_rows(layout.VECTORS, vectors)
    _check_counts(manifest, ids, items)
    return Bundle(
        version=folder.name,
        folder=folder,
        manifest=manifest,
        vectors=vectors,
        ids=ids,
        items=items,
        sections=read_sections(folder, manifest),
        unknown_sections=unknown,
    )


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
