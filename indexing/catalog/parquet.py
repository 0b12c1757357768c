"""Reading Parquet files: values of their own type, within limits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from indexing.catalog.column_names import columns_found, first_wrong, not_once
from indexing.catalog.limits import Limits
from indexing.catalog.unfolding import too_large
from shortlist.errors import CatalogError

_ROWS = 4096
"""How many are unfolded at a time: what one value takes, it can take for each of them."""

_TEXTS = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
_AS_THEY_ARE = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_null,
)


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file; numbers keep their type."""

    path: Path
    limits: Limits

    def require(self, columns: Sequence[str]) -> None:
        """Raise CatalogError unless the file has each of these columns once."""
        with _readable(self.path):
            found = list(pa.parquet.read_schema(self.path).names)
        wrong = first_wrong(columns, found)
        if wrong is not None:
            raise not_once(self.path, wrong, found, columns_found(found))

    def places(self) -> Iterator[str]:
        """Where each record stands: "row 2"."""
        return (f"row {row}" for row in itertools.count(1))

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The named columns, a part of the file at a time; text is UTF-8. Raises CatalogError.

        Text is read as the distinct values that the file holds, and unfolded when it is known how
        long it will be: a small file may say a long text millions of times.
        """
        path, limits = self.path, self.limits
        with _readable(path):
            schema = pa.parquet.read_schema(path)
            texts = [name for name in columns if _is_text(path, name, schema.field(name).type)]
            chunks = _chunks(pa.parquet.read_metadata(path), columns)
            if sum(one.total_uncompressed_size for one in chunks) > limits.file_bytes:
                raise too_large(path, limits)  # what it does not say of itself is counted below
            deltas = [one for one in chunks if any("DELTA" in name for name in one.encodings)]
            coded = sorted({*texts} - {one.path_in_schema for one in deltas})
            n_rows, left = _rows_at_a_time(deltas, limits), limits.file_bytes
            with pa.parquet.ParquetFile(path, read_dictionary=coded) as file:
                for batch in file.iter_batches(n_rows, columns=list(columns)):
                    plain = {one: _plain(path, batch.column(one), left, limits) for one in columns}
                    left -= sum(column.nbytes for column in plain.values())
                    if left < 0:
                        raise too_large(path, limits)
                    yield pa.RecordBatch.from_pydict(plain)


def _chunks(
    metadata: pa.parquet.FileMetaData, columns: Sequence[str]
) -> list[pa.parquet.ColumnChunkMetaData]:
    """The parts of these columns, as the file's footer describes them."""
    groups = (metadata.row_group(place) for place in range(metadata.num_row_groups))
    every = (group.column(place) for group in groups for place in range(group.num_columns))
    return [one for one in every if one.path_in_schema in columns]


def _rows_at_a_time(deltas: list[pa.parquet.ColumnChunkMetaData], limits: Limits) -> int:
    """So few that they unfold to no more than a file may.

    A text stored as what differs from the one before may be as long as all that is stored.
    """
    longest = max((one.total_uncompressed_size for one in deltas), default=0)
    return int(max(1, min(_ROWS, limits.file_bytes // max(1, longest))))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise CatalogError(f"{path}: cannot be read as Parquet: {error}") from error


def _is_text(path: Path, column: str, kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        raise CatalogError(
            f"{path}: column {column!r} has type {kind}, expected text or numbers; join"
            " its values into one text with a separator"
        )
    return kind in _TEXTS


def _plain(path: Path, column: pa.Array, left: int, limits: Limits) -> pa.Array:
    """The column with every value written out: numbers, or UTF-8 text."""
    if pa.types.is_dictionary(column.type):
        coded = column.indices.dictionary_encode()
        words, places = column.dictionary.take(coded.dictionary), coded.indices
        if (pa.compute.sum(pa.compute.binary_length(words).take(places)).as_py() or 0) > left:
            raise too_large(path, limits)
        return _utf8(words).take(places)
    if column.type in _TEXTS:
        return _utf8(column)
    if pa.types.is_fixed_size_binary(column.type):
        return _utf8(column.cast(pa.binary()))
    if any(kept(column.type) for kept in _AS_THEY_ARE):
        return column
    return column.cast(pa.large_string())


def _utf8(column: pa.Array) -> pa.Array:
    """The text, checked: Arrow reads a Parquet text as it is stored."""
    return column.cast(pa.large_binary()).cast(pa.large_string())
