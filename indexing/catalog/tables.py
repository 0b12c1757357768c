"""Reading CSV and Parquet files as pandas tables, with errors that say where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog import delimited, parquet
from indexing.catalog.limits import DEFAULT, Limits
from indexing.catalog.origin import Origin
from indexing.catalog.quoting import MOST_CHARACTERS, listed, quoted
from shortlist.errors import CatalogError

_PARQUET = {".parquet", ".pq"}
"""What a file's name ends with that is read as Parquet; any other is read as CSV."""

MOST_MARKS = 100
"""So many combining marks (accents and the like) in a row are refused."""

_MARKS = rf"\p{{M}}{{{MOST_MARKS}}}"


def read_table(
    path: Path,
    columns: Sequence[str],
    *,
    limits: Limits = DEFAULT,
    most: Literal["items", "events"] = "events",
) -> pd.DataFrame:
    """The named columns of a CSV (also .gz) or Parquet file, in file order.

    CSV values come as text exactly as they stand, an empty field as "". Parquet numbers keep
    their type, what is neither a number nor a truth value comes as text. Raises CatalogError for
    a missing file or column, ragged rows, bytes that are not UTF-8, and what exceeds the limits:
    there may be as many records as the one named `most` says.
    """
    _require_file(path)
    wanted = list(dict.fromkeys(columns))
    _require_columns(path, wanted, limits)
    read = parquet.read_batches if _is_parquet(path) else delimited.read_batches
    batches = list(_within(path, read(path, wanted, limits), limits, most))
    empty = pa.table({name: pa.array([], pa.string()) for name in wanted})
    table = pa.Table.from_batches(batches) if batches else empty
    # Otherwise one missing value turns a column of integers into floats, and id 7 into "7.0".
    return cast(pd.DataFrame, table.to_pandas(integer_object_nulls=True))


def as_text(column: pd.Series) -> pd.Series:
    """A column of any type as text, a missing value as ""."""
    return column.astype("str").fillna("")


def origin_of(path: Path) -> Origin:
    """A file as its records' origin."""
    return Origin(str(path), partial(locate, path))


def locate(path: Path, rows: Iterable[int]) -> list[str]:
    """Where these records (0-based, rising) stand in the file: "line 7", or "row 7" in Parquet.

    Reads the file again, so it is for error messages only.
    """
    wanted = list(rows)
    if _is_parquet(path):
        return [f"row {row + 1}" for row in wanted]
    lines = enumerate(line for line, _ in delimited.csv_records(path))
    found: dict[int, int] = {}
    while len(found) < len(wanted) and (one := next(lines, None)) is not None:
        found |= {row: line for row, line in [one] if row in wanted}
    return [f"line {found[row]}" if row in found else f"record {row + 1}" for row in wanted]


def _require_file(path: Path) -> None:
    try:
        is_file = path.is_file()
    except OSError as error:  # a name that no file system takes
        raise CatalogError(f"{path}: cannot be read: {error.strerror}") from error
    if not is_file:
        raise CatalogError(f"{path}: no such file")


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in _PARQUET


def _within(
    path: Path,
    batches: Iterator[pa.RecordBatch],
    limits: Limits,
    most: Literal["items", "events"],
) -> Iterator[pa.RecordBatch]:
    """The batches, as long as neither a field nor their number exceeds what is allowed."""
    n_read, n_allowed = 0, int(getattr(limits, most))
    for batch in batches:
        for name in batch.schema.names:
            _require_sound(path, name, batch.column(name), n_read, limits)
        n_read += len(batch)
        if n_read > n_allowed:
            raise CatalogError(
                f"{path}: more than {n_allowed} records; raise limits.{most} in catalog.toml if"
                " there should be"
            )
        yield batch


def _require_sound(path: Path, name: str, column: pa.Array, begin: int, limits: Limits) -> None:
    """Raise CatalogError for a text that is too long, or that takes too long to be normalised."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return
    lengths = pa.compute.binary_length(column).fill_null(0)
    if (pa.compute.max(lengths).as_py() or 0) > limits.field_bytes:
        long = lengths.to_numpy(zero_copy_only=False)
        row = int(np.flatnonzero(long > limits.field_bytes)[0])
        raise CatalogError(
            f"{path}: {locate(path, [begin + row])[0]}: column {quoted(name)}: expected at most"
            f" {limits.field_bytes} bytes in a field, found {long[row]}; raise limits.field_bytes"
            " in catalog.toml if it should hold them"
        )
    _require_few_marks(path, name, column, begin)


def _require_few_marks(path: Path, name: str, column: pa.Array, begin: int) -> None:
    """No letter carries that many; putting n of them into normal order takes n² steps."""
    n_characters = pa.compute.utf8_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    plain = pa.compute.string_is_ascii(column).fill_null(True).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero((n_characters >= MOST_MARKS) & ~plain)
    heaped = pa.compute.match_substring_regex(column.take(pa.array(rows)), _MARKS)
    rows = rows[heaped.to_numpy(zero_copy_only=False)]
    if len(rows):
        place = locate(path, [begin + int(rows[0])])[0]
        raise CatalogError(
            f"{path}: {place}: column {quoted(name)}: {MOST_MARKS} combining marks in a row; is it"
            " text?"
        )


def _require_columns(path: Path, wanted: Sequence[str], limits: Limits) -> None:
    is_parquet = _is_parquet(path)
    found = parquet.parquet_names(path) if is_parquet else delimited.csv_header(path, limits)
    for column in wanted:
        if found.count(column) != 1:
            problem = "stands twice" if column in found else "is missing"
            fits = is_parquet or not found or delimited.looks_like_table(path, found, limits)
            shown = (
                f"columns found: {listed(found)}"
                if fits and all(map(_may_be_shown, found))
                else f"found {len(found)} columns on its first line, which does not look like a"
                " table's; expected names parted by commas"
            )
            raise CatalogError(f"{path}: column {quoted(column)} {problem}; {shown}")


def _may_be_shown(name: str) -> bool:
    return name.isprintable() and len(name) <= MOST_CHARACTERS
