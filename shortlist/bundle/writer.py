"""Writing one bundle into a staging folder, batch by batch in row order."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from shortlist.bundle import layout
from shortlist.bundle.manifest import (
    FORMAT_VERSION,
    FileInfo,
    Manifest,
    encode_manifest,
    format_time,
)
from shortlist.bundle.reader import sha256_of_file
from shortlist.bundle.tables import ItemTable, PopularityColumns, write_id_map, write_items
from shortlist.encoder.parity import CANARY_TEXTS, CANARY_VECTORS
from shortlist.encoder.runtime import MODEL, TOKENIZER, WEIGHTS, EncoderSettings, write_settings

_LIBRARIES = ("faiss-cpu", "numpy", "openvino", "pandas", "pyarrow", "tokenizers")


class BundleWriter:
    """The files of one bundle in `folder`, an existing empty one; `seal` comes last."""

    def __init__(self, folder: Path, *, n_items: int, embedding_dim: int) -> None:
        self.folder = folder
        self.vectors: npt.NDArray[np.float32] = np.lib.format.open_memmap(
            folder / layout.VECTORS, mode="w+", dtype=np.float32, shape=(n_items, embedding_dim)
        )
        _reserve(folder / layout.VECTORS)
        self._hashes: list[npt.NDArray[np.bytes_]] = []
        self._n_written = 0

    def append(self, hashes: npt.NDArray[np.bytes_], vectors: npt.NDArray[np.float32]) -> None:
        """Add the next rows: S16 document hashes [b] and float32 unit vectors [b, dim]."""
        end = self._n_written + len(vectors)
        self.vectors[self._n_written : end] = vectors
        self._hashes.append(hashes)
        self._n_written = end

    def write_items(self, ids: pa.Array, items: ItemTable) -> None:
        """Write the id map, the item columns and, with ratings, the popularity table."""
        write_id_map(self.folder / layout.ID_MAP, ids)
        write_items(self.folder / layout.ITEMS, items)
        if items.popularity is not None:
            _write_popularity(self.folder / layout.POPULARITY, ids, items.popularity)

    def copy_encoder(self, export: Path, settings: EncoderSettings) -> None:
        """Copy an exported encoder, with these settings in the place of its own."""
        target = self.folder / layout.ENCODER
        target.mkdir()
        for name in (MODEL, WEIGHTS, TOKENIZER, CANARY_TEXTS, CANARY_VECTORS):
            shutil.copyfile(export / name, target / name)
        write_settings(settings, target)

    def seal(self, **described: Any) -> Manifest:
        """Write documents.parquet and manifest.json; returns the manifest.

        `described` are the manifest's fields apart from those that follow from the files
        written. Every file is made read-only.
        """
        if self._n_written != len(self.vectors):
            raise ValueError(f"expected {len(self.vectors)} rows, found {self._n_written}")
        self.vectors.flush()  # type: ignore[attr-defined]
        _write_documents(self.folder / layout.DOCUMENTS, np.concatenate(self._hashes))
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            created_at=format_time(datetime.now(UTC)),
            embedding_dim=self.vectors.shape[1],
            metric="inner_product",
            files=_describe_files(self.folder),
            libraries={name: version(name) for name in _LIBRARIES},
            **described,
        )
        (self.folder / layout.MANIFEST).write_bytes(encode_manifest(manifest))
        for path in self.folder.rglob("*"):
            if path.is_file():
                path.chmod(0o444)
        return manifest


def _reserve(path: Path) -> None:
    """Take the file's space now: writing to a mapped page of a full disk kills the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)


def _describe_files(folder: Path) -> dict[str, FileInfo]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): FileInfo(
            size=path.stat().st_size, sha256=sha256_of_file(path)
        )
        for path in paths
    }


def _write_popularity(path: Path, ids: pa.Array, popularity: PopularityColumns) -> None:
    mean_rating = pa.array(popularity.mean_rating, mask=np.isnan(popularity.mean_rating))
    table = {
        "item_id": ids,
        "rating_count": pa.array(popularity.rating_count),
        "mean_rating": mean_rating,
        "popularity_score": pa.array(popularity.popularity_score),
    }
    pa.parquet.write_table(pa.table(table), path)


def _write_documents(path: Path, hashes: npt.NDArray[np.bytes_]) -> None:
    packed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(hashes.dtype.itemsize), len(hashes), [None, pa.py_buffer(hashes.tobytes())]
    )
    rows = pa.array(np.arange(len(hashes), dtype=np.int64))
    pa.parquet.write_table(pa.table({"row": rows, "hash": packed}), path, use_dictionary=False)
