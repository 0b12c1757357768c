"""The files of a bundle that hold arrays: .npy, and Arrow of one uncompressed batch; mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from shortlist.errors import BundleCorrupt

FloatArray = npt.NDArray[np.float64]
RowArray = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Csr:
    """A list of numbers for each row, as compressed sparse rows.

    The list of row i is `indices[offsets[i]:offsets[i + 1]]` (int32; offsets int64 [n + 1]). Where
    there are `weights` (float16), those of its entries stand at the same places.
    """

    offsets: RowArray
    indices: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float16] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(part.nbytes for part in vars(self).values() if part is not None)

    def of(self, row: int) -> npt.NDArray[np.int32]:
        """The list of one row."""
        return self.indices[self.offsets[row] : self.offsets[row + 1]]

    def counts(self, rows: RowArray) -> RowArray:
        """How many entries each of these rows (int64 [m]) has, int64 [m]."""
        return self.offsets[rows + 1] - self.offsets[rows]

    def places(self, rows: RowArray, *, most: int | None = None) -> RowArray:
        """Where the entries of these rows (int64 [m]) stand, one list behind the other, int64.

        Of each list at `most` so many, its first.
        """
        counts = self.counts(rows) if most is None else np.minimum(self.counts(rows), most)
        ends = np.cumsum(counts)
        places: RowArray = np.arange(int(ends[-1]) if len(ends) else 0)
        places += np.repeat(self.offsets[rows] - (ends - counts), counts)
        return places

    def check(self, name: str, *, n_rows: int, n_indices: int) -> None:
        """Raises BundleCorrupt, naming the file, unless the arrays fit together and the bundle."""
        offsets, n_entries = self.offsets, len(self.indices)
        n_weights = n_entries if self.weights is None else len(self.weights)
        if len(offsets) != n_rows + 1 or offsets[0] != 0 or np.any(np.diff(offsets) < 0):
            raise BundleCorrupt(f"{name}: expected {n_rows + 1} rising offsets")
        if not n_entries == n_weights == offsets[-1]:
            raise BundleCorrupt(f"{name}: expected {offsets[-1]} entries, found {n_entries}")
        if n_entries and not (self.indices.min() >= 0 and self.indices.max() < n_indices):
            raise BundleCorrupt(f"{name}: an entry is none of 0 to {n_indices - 1}")
        if self.weights is not None and not np.isfinite(self.weights).all():
            raise BundleCorrupt(f"{name}: expected finite weights")


def map_array(path: Path, dtype: npt.DTypeLike, ndim: int) -> npt.NDArray[Any]:
    """A read-only view of a .npy file. Raises BundleCorrupt unless it has this type and rank."""
    try:
        with path.open("rb") as stream:
            np.lib.format.read_magic(stream)
            shape, _, _ = np.lib.format.read_array_header_1_0(stream)
        # Mapped unless it is empty: nothing cannot be mapped.
        values = np.load(path, mmap_mode=None if 0 in shape else "r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BundleCorrupt(f"{path.name}: not an array file: {error}") from error
    if values.dtype != dtype or values.ndim != ndim:
        raise BundleCorrupt(
            f"{path.name}: expected {np.dtype(dtype)} of rank {ndim}, found {values.dtype}"
            f" {values.shape}"
        )
    return np.asarray(values)


TEXT = (pa.large_string(), pa.string())
"""The types that a text column may have."""


def write_arrow(path: Path, table: pa.Table) -> None:
    """Write a table as one batch: the form that maps into memory without a copy."""
    batches = table.combine_chunks().to_batches()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_arrow(path: Path) -> dict[str, pa.Array]:
    """Map a file's columns into memory. Raises BundleCorrupt for anything else."""
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if reader.num_record_batches != 1:
            raise BundleCorrupt(f"{path.name}: expected 1 batch, found {reader.num_record_batches}")
        batch = reader.get_batch(0)
    except (pa.ArrowException, OSError) as error:
        raise BundleCorrupt(f"{path.name}: not an Arrow file: {error}") from error
    return {name: batch.column(name) for name in batch.schema.names}


def column_of(path: Path, columns: Mapping[str, pa.Array], name: str, *types: pa.DataType) -> Any:
    """The column of this name, without nulls and of one of these types."""
    if name not in columns:
        raise BundleCorrupt(f"{path.name}: column {name!r} is missing")
    column = columns[name]
    if column.type not in types or column.null_count:
        listed = " or ".join(str(kind) for kind in types)
        raise BundleCorrupt(
            f"{path.name}: column {name!r}: expected {listed} without nulls, found {column.type}"
            f" with {column.null_count}"
        )
    return column


def numpy_of(path: Path, columns: Mapping[str, pa.Array], name: str, kind: pa.DataType) -> Any:
    """The column as a numpy view of the mapped file. Arrow's own `to_numpy` imports pandas."""
    return _values_of(column_of(path, columns, name, kind))


def _values_of(column: pa.Array) -> Any:
    dtype = np.dtype(column.type.to_pandas_dtype())
    begin = column.offset * dtype.itemsize
    return np.frombuffer(column.buffers()[1] or b"", dtype, len(column), begin)


def numbers_of(column: pa.Array) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """An Arrow array of int64 or float64 as it is stored, [n], and where there is a number, [n].

    Integers stay integers: as float64 those from 2^53 on would run together.
    """
    numbers = _values_of(column)
    known = np.ones(len(numbers), np.bool_)
    valid = column.buffers()[0]
    if valid is not None:
        bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
        known = bits[column.offset : column.offset + len(column)].astype(np.bool_)
    return numbers, known if numbers.dtype == np.int64 else known & np.isfinite(numbers)
