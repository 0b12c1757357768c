"""Writing one bundle into a staging folder: what it keeps of another, and what is new."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from shortlist.bundle import layout
from shortlist.bundle import manifest as manifests
from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.manifest import FileInfo, Manifest, SegmentInfo
from shortlist.bundle.places import EntryRows
from shortlist.bundle.reader import Bundle, sha256_of_file
from shortlist.bundle.segments import Segment, folder_of, rows_file
from shortlist.bundle.tables import ItemTable, write_id_map, write_items
from shortlist.encoder.parity import CANARY_TEXTS, CANARY_VECTORS
from shortlist.encoder.runtime import MODEL, TOKENIZER, WEIGHTS, EncoderSettings, write_settings

Hashes = npt.NDArray[np.bytes_]

_LIBRARIES = ("faiss-cpu", "numpy", "openvino", "pandas", "pyarrow", "tokenizers")


class SegmentWriter:
    """The vectors and hashes of one segment: hashes in the order of its entries, vectors in any.

    `folder` is an existing one; `close` comes last.
    """

    def __init__(self, folder: Path, *, n_entries: int, embedding_dim: int) -> None:
        self.folder = folder
        path = folder / layout.VECTORS
        self.vectors = np.lib.format.open_memmap(
            path, mode="w+", dtype=np.float32, shape=(n_entries, embedding_dim)
        )
        if hasattr(os, "posix_fallocate"):
            # Taken now: writing to a mapped page of a full disk kills the process.
            with path.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, os.fstat(stream.fileno()).st_size)
        self._hashes: list[Hashes] = []
        self._n_written = 0

    def append(self, hashes: Hashes) -> None:
        """Add the document hashes of the next entries, S16 [b]."""
        self._hashes.append(hashes)

    def put(self, entries: RowArray, vectors: Vectors) -> None:
        """Write float32 unit vectors [b, dim] of these entries (int64 [b]), each once."""
        self.vectors[entries] = vectors
        self._n_written += len(entries)

    def close(self, contents: Hashes) -> None:
        """Write the hashes; S16 `contents` [m] are those of all that the segment has of each."""
        for n_found in (self._n_written, sum(map(len, self._hashes))):
            if n_found != len(self.vectors):
                raise ValueError(f"expected {len(self.vectors)} entries, found {n_found}")
        self.vectors.flush()
        np.save(self.folder / layout.HASHES, np.concatenate(self._hashes))
        np.save(self.folder / layout.CONTENTS, contents)


class BundleWriter:
    """The files of one bundle in `folder`, an existing empty one; `seal` comes last.

    `segments` are those noted so far.
    """

    def __init__(self, folder: Path, *, embedding_dim: int) -> None:
        self.folder = folder
        self._embedding_dim = embedding_dim
        self.segments: list[SegmentInfo] = []
        self._linked: dict[str, FileInfo] = {}

    def link(self, bundle: Bundle, names: Iterable[str]) -> None:
        """Have these files of a published bundle, which are never written again, in this one."""
        for name in names:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.hardlink_to(bundle.folder / name)
            except OSError:  # a file system without them, or no more of this one
                shutil.copyfile(bundle.folder / name, target)
            else:
                self._linked[name] = bundle.manifest.files[name]

    def new_segment(self, name: str) -> Path:
        """The folder of a new segment, made for it."""
        folder = self.folder / folder_of(name)
        folder.mkdir(parents=True)
        return folder

    def add_segment(self, info: SegmentInfo, rows: EntryRows) -> None:
        """Note a segment that is written, and write the row of each entry, -1 for one gone."""
        path = self.folder / rows_file(info.name)
        path.parent.mkdir(exist_ok=True)
        np.save(path, rows)
        live = int((rows >= 0).sum())
        self.segments.append(info.model_copy(update={"live": live}))

    def keep_segment(self, bundle: Bundle, segment: Segment, rows: EntryRows) -> None:
        """Have a segment of a published bundle in this one too, its entries at these rows."""
        inside = f"{folder_of(segment.name)}/"
        self.link(bundle, [name for name in bundle.manifest.files if name.startswith(inside)])
        if np.array_equal(rows, segment.rows):
            self.link(bundle, [rows_file(segment.name)])
            self.segments.append(segment.info)
        else:
            self.add_segment(segment.info, rows)

    def write_tables(self, ids: pa.Array, items: ItemTable) -> None:
        """Write the id map, the item columns and, with ratings, the popularity table."""
        self.write_ids(ids)
        self.write_items(items)
        self.write_popularity(ids, items)

    def write_ids(self, ids: pa.Array) -> None:
        """Write the id map."""
        write_id_map(self.folder / layout.ID_MAP, ids)

    def write_items(self, items: ItemTable) -> None:
        """Write the item columns."""
        write_items(self.folder / layout.ITEMS, items)

    def write_popularity(self, ids: pa.Array, items: ItemTable) -> None:
        """Write the popularity table; nothing without ratings."""
        if items.popularity is not None:
            columns = {name: pa.array(values) for name, values in vars(items.popularity).items()}
            mean_rating = items.popularity.mean_rating
            columns["mean_rating"] = pa.array(mean_rating, mask=np.isnan(mean_rating))
            table = pa.table({"item_id": ids, **columns})
            pa.parquet.write_table(table, self.folder / layout.POPULARITY)

    def link_encoder(self, bundle: Bundle) -> None:
        """Have the encoder of a published bundle in this one."""
        inside = f"{layout.ENCODER}/"
        self.link(bundle, [name for name in bundle.manifest.files if name.startswith(inside)])

    def copy_encoder(self, export: Path, settings: EncoderSettings) -> None:
        """Copy an exported encoder, with these settings in the place of its own."""
        target = self.folder / layout.ENCODER
        target.mkdir()
        for name in (MODEL, WEIGHTS, TOKENIZER, CANARY_TEXTS, CANARY_VECTORS):
            shutil.copyfile(export / name, target / name)
        write_settings(settings, target)

    def seal(self, **described: Any) -> Manifest:
        """Write manifest.json and return it.

        `described` are the manifest's fields apart from those that follow from the files
        written.
        """
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        names = sorted(path.relative_to(self.folder).as_posix() for path in paths)
        files = {name: self._linked.get(name) or _file_info(self.folder / name) for name in names}
        manifest = Manifest(
            format_version=manifests.FORMAT_VERSION,
            created_at=manifests.format_time(datetime.now(UTC)),
            embedding_dim=self._embedding_dim,
            metric="inner_product",
            segments=tuple(self.segments),
            files=files,
            libraries={name: version(name) for name in _LIBRARIES},
            **described,
        )
        (self.folder / layout.MANIFEST).write_bytes(manifests.encode_manifest(manifest))
        return manifest


def _file_info(path: Path) -> FileInfo:
    return FileInfo(size=path.stat().st_size, sha256=sha256_of_file(path))
