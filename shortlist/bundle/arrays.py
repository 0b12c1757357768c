"""The files of a bundle that hold arrays: .npy, and Arrow of one uncompressed batch; mapped."""

from __future__ import annotations

import math
import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from shortlist.bundle.messages import is_compressed, stream_of
from shortlist.bundle.rules import check_range, check_rising
from shortlist.errors import BundleCorrupt

FloatArray = npt.NDArray[np.float64]
RowArray = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]


_COMPARED = 8
"""Up to so many codes one comparison each costs less than a look-up."""


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

    def counts_of(self, codes: Sequence[int]) -> npt.NDArray[np.int32]:
        """How many entries of each list are one of these codes, int32 [n]."""
        if len(codes) <= _COMPARED:
            hits = np.zeros(len(self.indices), dtype=np.bool_)
            for code in codes:
                hits |= self.indices == code
        else:
            hits = np.isin(self.indices, codes)
        sums = np.zeros(len(hits) + 1, dtype=np.int32)
        np.cumsum(hits, out=sums[1:])
        counts: npt.NDArray[np.int32] = sums[self.offsets[1:]] - sums[self.offsets[:-1]]
        return counts

    def check(self, name: str, *, n_rows: int, n_indices: int) -> None:
        """Raises BundleCorrupt, naming the file, unless the arrays fit together and the bundle."""
        offsets, n_entries = self.offsets, len(self.indices)
        n_weights = n_entries if self.weights is None else len(self.weights)
        if len(offsets) != n_rows + 1 or offsets[0] != 0:
            raise BundleCorrupt(f"{name}: expected {n_rows + 1} rising offsets from 0 on")
        check_rising(f"{name}: offsets", offsets)
        if not n_entries == n_weights == offsets[-1]:
            raise BundleCorrupt(f"{name}: expected {offsets[-1]} entries, found {n_entries}")
        check_range(f"{name}: entries", self.indices, 0, n_indices - 1)
        if self.weights is not None and not _finite_halves(self.weights):
            raise BundleCorrupt(f"{name}: expected finite weights")


def _finite_halves(values: npt.NDArray[np.float16]) -> bool:
    """Whether all are finite: no exponent is full. Ten times as fast as numpy's own on float16."""
    full = np.uint16(0x7C00)
    return not np.any((values.view(np.uint16) & full) == full)


_NPY = re.compile(
    rb"\x93NUMPY\x01\x00(?s:(?P<length>..))"
    rb"\{'descr': '(?P<dtype>[^']*)', 'fortran_order': (?P<fortran>True|False),"
    rb" 'shape': \((?P<shape>[0-9, ]{0,80})\), \} *\n"
)
"""How numpy begins an array file; nothing is evaluated, and what begins otherwise is refused."""

_MOST_DIGITS = 18
_ALIGNMENT = 64


def map_array(path: Path, dtype: npt.DTypeLike, *shape: int | None) -> npt.NDArray[Any]:
    """A read-only view of a .npy file, rows one behind the other.

    Raises BundleCorrupt unless it has this type and shape, None for any length.
    """
    try:
        with path.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise BundleCorrupt(f"{path.name}: cannot be mapped: {error}") from error
    wanted = np.dtype(dtype)
    begin, kind, found = _header(path, content)
    fits = len(found) == len(shape) and all(
        length in {None, has} for length, has in zip(shape, found, strict=True)
    )
    if kind != wanted.str or not fits:
        raise BundleCorrupt(
            f"{path.name}: expected {wanted} of shape {_shown(shape)}, found {kind} {found}"
        )
    if len(content) != begin + wanted.itemsize * math.prod(found):
        raise BundleCorrupt(f"{path.name}: {len(content)} bytes do not hold {wanted} {found}")
    return np.frombuffer(content, wanted, offset=begin).reshape(found)


def _header(path: Path, content: mmap.mmap) -> tuple[int, str, tuple[int, ...]]:
    """Where the values begin, their type as numpy writes it, and their shape."""
    head = _NPY.match(content)
    if (
        head is None
        or int.from_bytes(head["length"], "little") != head.end() - 10
        or head.end() % _ALIGNMENT
    ):
        raise BundleCorrupt(f"{path.name}: not an array file as numpy writes it")
    if head["fortran"] == b"True":
        raise BundleCorrupt(f"{path.name}: expected rows one behind the other, found columns")
    lengths = [one for one in head["shape"].replace(b" ", b"").split(b",") if one]
    if any(len(one) > _MOST_DIGITS for one in lengths):
        raise BundleCorrupt(f"{path.name}: no file holds a shape of {head['shape'].decode()}")
    return head.end(), head["dtype"].decode(errors="replace"), tuple(map(int, lengths))


def _shown(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if one is None else str(one) for one in shape)})"


TEXT = (pa.large_string(), pa.string())
"""The types that a text column may have."""


def write_arrow(path: Path, table: pa.Table) -> None:
    """Write a table as one batch: the form that maps into memory without a copy."""
    batches = table.combine_chunks().to_batches() or [_no_rows(table.schema)]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """A table without rows has no batch of itself."""
    return pa.RecordBatch.from_arrays([pa.array([], one.type) for one in schema], schema=schema)


def read_arrow(path: Path) -> dict[str, pa.Array]:
    """Map a file's columns into memory, each of them validated in full.

    Raises BundleCorrupt for anything but one uncompressed batch whose buffers hold what its types
    promise: offsets and codes in range, text in UTF-8.
    """
    try:
        return _columns(path.name, stream_of(pa.memory_map(str(path)).read_buffer()))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BundleCorrupt(f"{path.name}: not an Arrow file: {error}") from error


def _columns(name: str, stream: pa.Buffer) -> dict[str, pa.Array]:
    if is_compressed(stream):
        raise BundleCorrupt(f"{name}: expected uncompressed columns, found compressed ones")
    batches = list(pa.ipc.open_stream(stream))
    if len(batches) != 1:
        raise BundleCorrupt(f"{name}: expected 1 batch, found {len(batches)}")
    batch = batches[0]
    batch.validate(full=True)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    if len(columns) != batch.num_columns:
        raise BundleCorrupt(f"{name}: two columns have the same name")
    return columns


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
    return values_of(column_of(path, columns, name, kind))


def values_of(column: pa.Array) -> Any:
    """A column of numbers as a numpy view of its buffer; anything in the place of nulls."""
    dtype = np.dtype(column.type.to_pandas_dtype())
    begin = column.offset * dtype.itemsize
    return np.frombuffer(column.buffers()[1] or b"", dtype, len(column), begin)


def truths_of(column: pa.Array) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """An Arrow array of booleans, bool [n], and where there is one, [n]."""
    return _bits(column, column.buffers()[1]), known_of(column)


def known_of(column: pa.Array, rows: RowArray | None = None) -> npt.NDArray[np.bool_]:
    """Where an Arrow array has a value, bool [n], or [m] at these rows (int64 [m])."""
    valid = column.buffers()[0]
    if valid is None:
        return np.ones(len(column) if rows is None else len(rows), np.bool_)
    if rows is None:
        return _bits(column, valid)
    places = rows + column.offset
    bits = np.frombuffer(valid, np.uint8)[places >> 3] >> (places & 7).astype(np.uint8)
    known: npt.NDArray[np.bool_] = (bits & 1).astype(np.bool_)
    return known


def _bits(column: pa.Array, buffer: pa.Buffer) -> npt.NDArray[np.bool_]:
    end = column.offset + len(column)
    bits = np.unpackbits(np.frombuffer(buffer or b"", np.uint8), count=end, bitorder="little")
    return bits[column.offset :].astype(np.bool_)
