"""Reading Parquet files: values of their own type, within limits."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
from pyarrow.parquet import ColumnChunkMetaData as Chunk

from indexing.catalog.arrow_values import is_list, is_text, plain, require_readable
from indexing.catalog.column_names import columns_found, first_wrong, not_once, ways_into
from indexing.catalog.limits import Limits
from indexing.catalog.unfolding import too_large
from shortlist.errors import CatalogError

_ROWS = 4096
"""How many are unfolded at a time: what one value takes, it can take for each of them."""

_CODE_BYTES = 4
"""What one value of a list takes while it is a code of a dictionary."""


@dataclass(frozen=True)
class Column:
    """A column that is read: its name, the names that lead to it through structs, its type."""

    name: str
    path: tuple[str, ...]
    kind: pa.DataType

    @property
    def dotted(self) -> str:
        """As the file's footer calls it."""
        return ".".join(self.path)

    @property
    def has_texts(self) -> bool:
        """Whether it is of text or of lists of it."""
        return is_text(self.kind.value_type if is_list(self.kind) else self.kind)

    def holds(self, chunk: Chunk) -> bool:
        """Whether the chunk is a part of the column."""
        return f"{chunk.path_in_schema}.".startswith(f"{self.dotted}.")

    def of(self, batch: pa.RecordBatch) -> pa.Array:
        """Its values in a batch."""
        first, *inner = self.path
        return pa.compute.struct_field(batch.column(first), inner) if inner else batch[first]


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file; numbers keep their type. `a.b` is the field b of the struct a."""

    path: Path
    limits: Limits

    def require(self, columns: Sequence[str]) -> None:
        """Raise CatalogError unless the file has each of these columns once, of a known type."""
        with _readable(self.path):
            schema = pa.parquet.read_schema(self.path)
        inner = [name for name in columns if name not in schema.names and _find(schema, name)]
        found = [*schema.names, *inner]
        wrong = first_wrong(columns, found)
        if wrong is not None:
            raise not_once(self.path, wrong, found, columns_found(list(_leaves(schema))))
        for name in columns:
            require_readable(self.path, name, _column(schema, name).kind)

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
            read = [_column(schema, name) for name in columns]
            metadata = pa.parquet.read_metadata(path)
            _require_small(path, metadata, read, limits)
            coded, loose = _how_stored(metadata, read)
            n_rows, left = _rows_at_a_time(loose, limits), limits.file_bytes
            with pa.parquet.ParquetFile(path, read_dictionary=coded) as file:
                for batch in file.iter_batches(n_rows, columns=[one.dotted for one in read]):
                    values = partial(plain, path, left=left, limits=limits)
                    found = {one.name: values(one.of(batch)) for one in read}
                    left -= sum(column.nbytes for column in found.values())
                    if left < 0:
                        raise too_large(path, limits)
                    yield pa.RecordBatch.from_pydict(found)


def _column(schema: pa.Schema, name: str) -> Column:
    path = _find(schema, name) or (name,)
    field = schema.field(path[0])
    for inner in path[1:]:
        field = field.type.field(inner)
    return Column(name, path, field.type)


def _find(fields: pa.Schema | pa.StructType, name: str) -> tuple[str, ...] | None:
    """The names that lead to a field: its own, else the longest of a struct and what is in it."""
    names = {field.name for field in fields}
    if name in names:
        return (name,)
    for outer, rest in ways_into(name):
        if outer in names:
            kind = fields.field(outer).type
            inner = _find(kind, rest) if pa.types.is_struct(kind) else None
            if inner is not None:
                return (outer, *inner)
    return None


def _leaves(fields: pa.Schema | pa.StructType, prefix: str = "") -> Iterator[str]:
    for field in fields:
        if pa.types.is_struct(field.type):
            yield from _leaves(field.type, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


def _chunks(metadata: pa.parquet.FileMetaData, columns: Sequence[Column]) -> Iterator[Chunk]:
    """The parts of these columns, as the file's footer describes them."""
    groups = (metadata.row_group(place) for place in range(metadata.num_row_groups))
    every = (group.column(place) for group in groups for place in range(group.num_columns))
    return (one for one in every if any(column.holds(one) for column in columns))


def _require_small(
    path: Path, metadata: pa.parquet.FileMetaData, columns: Sequence[Column], limits: Limits
) -> None:
    """By the file's own account; what it does not say of itself is counted while it is read."""
    n_bytes = sum(chunk.total_uncompressed_size for chunk in _chunks(metadata, columns))
    lists = [column for column in columns if is_list(column.kind)]
    n_listed = sum(chunk.num_values for chunk in _chunks(metadata, lists))
    if max(n_bytes, n_listed * _CODE_BYTES) > limits.file_bytes:
        raise too_large(path, limits)
    for column in lists:
        if any("DELTA_BYTE_ARRAY" in one.encodings for one in _chunks(metadata, [column])):
            raise CatalogError(
                f"{path}: column {column.name!r}: lists of texts stored as differences"
                " (DELTA_BYTE_ARRAY) are not read; write them with a dictionary"
            )


def _how_stored(
    metadata: pa.parquet.FileMetaData, columns: Sequence[Column]
) -> tuple[list[str], list[Chunk]]:
    """The paths that are read as codes of a dictionary, and the chunks that can unfold as they are.

    A text stored as what differs from the one before cannot be read as a code, nor can what
    shares its path with another column.
    """
    chunks = list(_chunks(metadata, [column for column in columns if column.has_texts]))
    often = Counter(one.path_in_schema for one in chunks)
    loose = [
        one
        for one in chunks
        if any("DELTA" in name for name in one.encodings)
        or often[one.path_in_schema] > metadata.num_row_groups
    ]
    return sorted({*often} - {one.path_in_schema for one in loose}), loose


def _rows_at_a_time(loose: list[Chunk], limits: Limits) -> int:
    """So few that they unfold to no more than a file may.

    A text stored as what differs from the one before may be as long as all that is stored.
    """
    longest = max((one.total_uncompressed_size for one in loose), default=0)
    return int(max(1, min(_ROWS, limits.file_bytes // max(1, longest))))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise CatalogError(f"{path}: cannot be read as Parquet: {error}") from error
