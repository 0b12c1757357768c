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
from shortlist.bundle import manifest as manifests
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.manifest import FileInfo, Manifest
from shortlist.bundle.reader import sha256_of_file
from shortlist.bundle.tables import ItemTable, write_id_map, write_items
from shortlist.encoder.parity import CANARY_TEXTS, CANARY_VECTORS
from shortlist.encoder.runtime import MODEL, TOKENIZER, WEIGHTS, EncoderSettings, write_settings

_LIBRARIES = ("faiss-cpu", "numpy", "openvino", "pandas", "pyarrow", "tokenizers")


class BundleWriter:
    """The files of one bundle in `folder`, an existing empty one; `seal` comes last."""

    def __init__(self, folder: Path, *, n_items: int, embedding_dim: int) -> None:
        self.folder = folder
        self.vectors: Vectors = np.lib.format.open_memmap(
            folder / layout.VECTORS, mode="w+", dtype=np.float32, shape=(n_items, embedding_dim)
        )
        if hasattr(os, "posix_fallocate"):
            # Taken now: writing to a mapped page of a full disk kills the process.
            with (folder / layout.VECTORS).open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, os.fstat(stream.fileno()).st_size)
        self._hashes: list[npt.NDArray[np.bytes_]] = []
        self._n_written = 0

    def append(self, hashes: npt.NDArray[np.bytes_], vectors: Vectors) -> None:
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
            columns = {name: pa.array(values) for name, values in vars(items.popularity).items()}
            mean_rating = items.popularity.mean_rating
            columns["mean_rating"] = pa.array(mean_rating, mask=np.isnan(mean_rating))
            table = pa.table({"item_id": ids, **columns})
            pa.parquet.write_table(table, self.folder / layout.POPULARITY)

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
        written.
        """
        if self._n_written != len(self.vectors):
            raise ValueError(f"expected {len(self.vectors)} rows, found {self._n_written}")
        self.vectors.flush()  # type: ignore[attr-defined]
        _write_documents(self.folder / layout.DOCUMENTS, np.concatenate(self._hashes))
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        manifest = Manifest(
            format_version=manifests.FORMAT_VERSION,
            created_at=manifests.format_time(datetime.now(UTC)),
            embedding_dim=self.vectors.shape[1],
            metric="inner_product",
            files={
                path.relative_to(self.folder).as_posix(): FileInfo(
                    size=path.stat().st_size, sha256=sha256_of_file(path)
                )
                for path in sorted(paths)
            },
            libraries={name: version(name) for name in _LIBRARIES},
            **described,
        )
        (self.folder / layout.MANIFEST).write_bytes(manifests.encode_manifest(manifest))
        return manifest


def _write_documents(path: Path, hashes: npt.NDArray[np.bytes_]) -> None:
    packed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(hashes.dtype.itemsize), len(hashes), [None, pa.py_buffer(hashes.tobytes())]
    )
    rows = pa.array(np.arange(len(hashes), dtype=np.int64))
    pa.parquet.write_table(pa.table({"row": rows, "hash": packed}), path, use_dictionary=False)
