"""Reading Parquet files: values of their own type, within limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from indexing.catalog.limits import Limits
from shortlist.errors import CatalogError

_ROWS = 4096
"""How many are unfolded at a time: what one value takes, it can take for each of them."""

_AS_THEY_ARE = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_null,
)


def parquet_names(path: Path) -> list[str]:
    """The names of the columns. Raises CatalogError."""
    with _readable(path):
        return list(pa.parquet.read_schema(path).names)


def read_batches(path: Path, columns: Sequence[str], limits: Limits) -> Iterator[pa.RecordBatch]:
    """The named columns, a part of the file at a time; text is UTF-8. Raises CatalogError.

    Text is read as the distinct values that the file holds, and unfolded when it is known how
    long it will be: a small file may say a long text millions of times.
    """
    with _readable(path):
        schema = pa.parquet.read_schema(path)
        texts = [name for name in columns if _is_text(path, name, schema.field(name).type)]
        left = limits.file_bytes
        with pa.parquet.ParquetFile(path, read_dictionary=texts) as file:
            _require_size(path, file.metadata, columns, limits)
            for batch in file.iter_batches(_ROWS, columns=list(columns)):
                plain = {name: _plain(path, batch.column(name), left) for name in columns}
                left -= sum(column.nbytes for column in plain.values())
                if left < 0:
                    raise _too_large(path, limits)
                yield pa.RecordBatch.from_pydict(plain)


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
    texts = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
    return kind in texts


def _require_size(
    path: Path, metadata: pa.parquet.FileMetaData, columns: Sequence[str], limits: Limits
) -> None:
    """By what the file says of itself; what it does not say is counted when it is unfolded."""
    groups = (metadata.row_group(place) for place in range(metadata.num_row_groups))
    chunks = (group.column(place) for group in groups for place in range(group.num_columns))
    n_bytes = sum(one.total_uncompressed_size for one in chunks if one.path_in_schema in columns)
    if n_bytes > limits.file_bytes:
        raise _too_large(path, limits)


def _too_large(path: Path, limits: Limits) -> CatalogError:
    return CatalogError(
        f"{path}: unfolds to more than {limits.file_bytes} bytes; raise limits.file_bytes in"
        " catalog.toml if it should"
    )


def _plain(path: Path, column: pa.Array, left: int) -> pa.Array:
    """The column with every value written out: numbers, or UTF-8 text."""
    if pa.types.is_dictionary(column.type):
        words, indices = column.dictionary, column.indices
        lengths = pa.compute.binary_length(words).take(indices)
        if (pa.compute.sum(lengths).as_py() or 0) > left:
            raise _too_large(path, Limits(file_bytes=left))
        return words.cast(pa.large_binary()).cast(pa.large_string()).take(indices)
    if pa.types.is_fixed_size_binary(column.type):
        return column.cast(pa.binary()).cast(pa.large_string())
    if any(kept(column.type) for kept in _AS_THEY_ARE):
        return column
    return column.cast(pa.large_string())
