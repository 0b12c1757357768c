"""The files of a bundle that hold arrays: .npy, and Arrow of one uncompressed batch; mapped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from shortlist.errors import BundleCorrupt


def map_array(path: Path, dtype: npt.DTypeLike, ndim: int) -> npt.NDArray[Any]:
    """A read-only view of a .npy file. Raises BundleCorrupt unless it has this type and rank."""
    try:
        values = _load(path)
    except (OSError, ValueError, EOFError) as error:
        raise BundleCorrupt(f"{path.name}: not an array file: {error}") from error
    if values.dtype != dtype or values.ndim != ndim:
        raise BundleCorrupt(
            f"{path.name}: expected {np.dtype(dtype)} of rank {ndim}, found {values.dtype}"
            f" {values.shape}"
        )
    return np.asarray(values)


def _load(path: Path) -> npt.NDArray[Any]:
    """The array, mapped unless it is empty: nothing cannot be mapped."""
    with path.open("rb") as stream:
        np.lib.format.read_magic(stream)
        shape, _, _ = np.lib.format.read_array_header_1_0(stream)
    values: npt.NDArray[Any] = np.load(
        path, mmap_mode="r" if 0 not in shape else None, allow_pickle=False
    )
    return values


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
    column = column_of(path, columns, name, kind)
    dtype = np.dtype(kind.to_pandas_dtype())
    begin = column.offset * dtype.itemsize
    return np.frombuffer(column.buffers()[1] or b"", dtype, len(column), begin)


def numbers_of(column: pa.Array) -> npt.NDArray[np.float64]:
    """An Arrow array of int64 or float64 as float64 [n], NaN in the place of nulls."""
    dtype = np.dtype(column.type.to_pandas_dtype())
    begin = column.offset * dtype.itemsize
    values = np.frombuffer(column.buffers()[1] or b"", dtype, len(column), begin)
    numbers: npt.NDArray[np.float64] = values.astype(np.float64)
    valid = column.buffers()[0]
    if valid is not None:
        bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
        numbers[bits[column.offset : column.offset + len(column)] == 0] = np.nan
    return numbers
