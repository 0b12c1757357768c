"""Reading CSV and Parquet files as pandas tables, with errors that say where."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, cast

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from shortlist.errors import CatalogError

_PARQUET = {".parquet", ".pq"}
"""What a file's name ends with that is read as Parquet; any other is read as CSV."""

_LONGEST_FIELD = 2**31 - 1


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The named columns of a CSV (also .gz) or Parquet file, in file order.

    CSV values come as text exactly as they stand, an empty field as "". Parquet values keep
    their type. Raises CatalogError for a missing file or column, ragged rows and bytes that
    are not UTF-8.
    """
    if not path.is_file():
        raise CatalogError(f"{path}: no such file")
    wanted = list(dict.fromkeys(columns))
    read = _read_parquet if path.suffix.lower() in _PARQUET else _read_csv
    # Otherwise one missing value turns a column of integers into floats, and id 7 into "7.0".
    return cast(pd.DataFrame, read(path, wanted).to_pandas(integer_object_nulls=True))


def as_text(column: pd.Series) -> pd.Series:
    """A column of any type as text, a missing value as ""."""
    return column.astype("str").fillna("")


def locate(path: Path, rows: Iterable[int]) -> list[str]:
    """Where these records (0-based, rising) stand in the file: "line 7", or "row 7" in Parquet.

    Reads the file again, so it is for error messages only.
    """
    wanted = list(rows)
    if path.suffix.lower() in _PARQUET:
        return [f"row {row + 1}" for row in wanted]
    lines = [line for line, _ in islice(_records(path), max(wanted, default=-1) + 1)]
    return [f"line {lines[row]}" for row in wanted]


def _read_parquet(path: Path, columns: list[str]) -> pa.Table:
    try:
        schema = pa.parquet.read_schema(path)
        _require_columns(path, columns, schema.names)
        for column in columns:
            found = schema.field(column).type
            if pa.types.is_nested(found):
                raise CatalogError(
                    f"{path}: column {column!r} has type {found}, expected text or numbers; join"
                    " its values into one text with a separator"
                )
        return pa.parquet.read_table(path, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{path}: cannot be read as Parquet: {error}") from error


def _read_csv(path: Path, columns: list[str]) -> pa.Table:
    _require_columns(path, columns, _csv_header(path))
    convert = pa.csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(columns, pa.string()),
        strings_can_be_null=False,
    )
    parse = pa.csv.ParseOptions(newlines_in_values=True)
    try:
        return pa.csv.read_csv(path, parse_options=parse, convert_options=convert)
    except pa.ArrowInvalid as error:
        _require_utf8(path)
        n_columns = len(_csv_header(path))
        for line, record in _records(path):
            if len(record) != n_columns:
                raise CatalogError(
                    f"{path}: line {line}: expected {n_columns} fields, found {len(record)}"
                ) from error
        raise CatalogError(f"{path}: cannot be read as CSV: {error}") from error
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read: {error}") from error


def _require_columns(path: Path, wanted: Sequence[str], found: Sequence[str]) -> None:
    for column in wanted:
        if found.count(column) != 1:
            problem = "stands twice" if column in found else "is missing"
            listed = ", ".join(repr(name) for name in found)
            raise CatalogError(f"{path}: column {column!r} {problem}; columns found: {listed}")


def _csv_header(path: Path) -> list[str]:
    try:
        with _open_text(path) as text:
            return next(csv.reader(text), [])
    except UnicodeDecodeError:
        _require_utf8(path)
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise CatalogError(f"{path}: cannot be read: {error}") from error


def _require_utf8(path: Path) -> None:
    """Raise CatalogError with the byte offset if the (uncompressed) content is not UTF-8."""
    with _open_bytes(path) as stream:
        content = stream.read()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CatalogError(
            f"{path}: not UTF-8 at byte {error.start} (0x{content[error.start]:02x});"
            " convert the file to UTF-8"
        ) from error


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every record after the header that is not blank, and the line it begins on."""
    csv.field_size_limit(_LONGEST_FIELD)
    with _open_text(path, errors="replace") as text:
        reader = csv.reader(text)
        next(reader, None)
        begins = reader.line_num + 1
        for record in reader:
            if record:
                yield begins, record
            begins = reader.line_num + 1


def _open_bytes(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _open_text(path: Path, *, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(_open_bytes(path), encoding="utf-8-sig", errors=errors, newline="")
