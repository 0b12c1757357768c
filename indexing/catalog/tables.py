"""Reading files as pandas tables, with errors that say where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog.arrow_values import TEXTS, joined
from indexing.catalog.limits import DEFAULT, Limits
from indexing.catalog.origin import Origin
from indexing.catalog.quoting import quoted
from indexing.catalog.records import Records, of_path
from shortlist.errors import CatalogError

MOST_MARKS = 100
"""So many combining marks (accents and the like) in a row are refused."""

_MARKS = rf"\p{{M}}{{{MOST_MARKS}}}"


def read_table(
    records: Records | Path,
    columns: Sequence[str],
    *,
    limits: Limits = DEFAULT,
    most: Literal["items", "events"] = "events",
) -> pd.DataFrame:
    """The named columns of the records, or of a file that is written as usual, in their order.

    CSV values come as text exactly as they stand, an empty field as "", values of JSON as their
    text. Parquet numbers keep their type, times come in ISO 8601 (UTC), what else is neither a
    number nor a truth value as text, and lists as lists of text, kept by Arrow. Raises
    CatalogError for a missing file or column, ragged rows, bytes that are not of the encoding, and
    what exceeds the limits: there may be as many records as the one named `most` says.
    """
    records = of_path(records) if isinstance(records, Path) else records
    wanted = list(dict.fromkeys(columns))
    nulls = pa.array(records.null_values, pa.large_string())
    within = _within(records.origin, records.batches(wanted, limits), limits, most)
    batches = [_without(batch, nulls) for batch in within]
    empty = pa.table({name: pa.array([], pa.string()) for name in wanted})
    table = _joined(records.origin, batches, wanted) if batches else empty
    del batches
    # Otherwise one missing value turns a column of integers into floats, and id 7 into "7.0".
    return cast(
        pd.DataFrame, table.to_pandas(integer_object_nulls=True, types_mapper=_kept_by_arrow)
    )


def _kept_by_arrow(kind: pa.DataType) -> pd.ArrowDtype | None:
    """Lists stay Arrow's: as Python objects they take ten times as much."""
    return pd.ArrowDtype(kind) if kind == TEXTS else None


def _joined(origin: Origin, batches: list[pa.RecordBatch], columns: Sequence[str]) -> pa.Table:
    """One table; a column that has one type here and another there is text."""
    types = {name: _common_type(origin, name, batches) for name in columns}
    arrays = {
        name: pa.concat_arrays([batch.column(name).cast(kind) for batch in batches])
        for name, kind in types.items()
    }
    return pa.table(arrays)


def _common_type(origin: Origin, name: str, batches: list[pa.RecordBatch]) -> pa.DataType:
    types = {batch.schema.field(name).type for batch in batches} - {pa.null()}
    if len(types) > 1 and TEXTS in types:
        raise CatalogError(
            f"{origin}: column {quoted(name)} has lists in one file and none in another"
        )
    kind = types.pop() if len(types) == 1 else pa.large_string()
    return pa.large_string() if kind == pa.string() else kind  # as pandas has it


def as_text(column: pd.Series, *, separator: str = ", ") -> pd.Series:
    """A column of any type as text, a missing value as "", a list joined by `separator`."""
    if is_list(column):
        column = pd.Series(
            joined(pa.array(column), separator).to_pandas().to_numpy(),
            index=column.index,
            dtype="str",
        )
    return column.astype("str").fillna("")


def text_array(column: pd.Series) -> pa.Array:
    """A column of text as one array: one read from more than a megabyte of CSV comes in chunks."""
    return array_of(column, pa.large_string())


def array_of(column: pd.Series, wanted: pa.DataType) -> pa.Array:
    """A column as one array of a type."""
    found = pa.array(column, wanted, from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def is_list(column: pd.Series) -> bool:
    """Whether a column's values are lists of text."""
    return column.dtype == pd.ArrowDtype(TEXTS)


def origin_of(path: Path) -> Origin:
    """A file as its records' origin."""
    return of_path(path).origin


def _without(batch: pa.RecordBatch, nulls: pa.Array) -> pa.RecordBatch:
    """The batch, null where a text is one of `nulls`."""
    if not len(nulls):
        return batch
    columns = {name: batch.column(name) for name in batch.schema.names}
    for name, column in columns.items():
        if _is_text(column.type):
            is_null = pa.compute.is_in(column, nulls.cast(column.type))
            columns[name] = pa.compute.if_else(is_null, None, column)
    return pa.RecordBatch.from_pydict(columns)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _within(
    origin: Origin,
    batches: Iterator[pa.RecordBatch],
    limits: Limits,
    most: Literal["items", "events"],
) -> Iterator[pa.RecordBatch]:
    """The batches, as long as neither a field nor their number exceeds what is allowed."""
    n_read, n_allowed = 0, int(getattr(limits, most))
    for batch in batches:
        for name in batch.schema.names:
            _require_sound(origin, name, batch.column(name), n_read, limits)
        n_read += len(batch)
        if n_read > n_allowed:
            raise CatalogError(
                f"{origin}: more than {n_allowed} records; raise limits.{most} in catalog.toml if"
                " there should be"
            )
        yield batch


def _require_sound(origin: Origin, name: str, column: pa.Array, begin: int, limits: Limits) -> None:
    """Raise CatalogError for a text that is too long, or that takes too long to be normalised."""
    if column.type == TEXTS:
        column = joined(column)  # a field is the whole list
    if not _is_text(column.type):
        return
    lengths = pa.compute.binary_length(column).fill_null(0)
    if (pa.compute.max(lengths).as_py() or 0) > limits.field_bytes:
        long = lengths.to_numpy(zero_copy_only=False)
        row = int(np.flatnonzero(long > limits.field_bytes)[0])
        raise origin.problem(
            begin + row,
            f"column {quoted(name)}: expected at most {limits.field_bytes} bytes in a field, found"
            f" {long[row]}; raise limits.field_bytes in catalog.toml if it should hold them",
        )
    _require_few_marks(origin, name, column, begin)


def _require_few_marks(origin: Origin, name: str, column: pa.Array, begin: int) -> None:
    """No letter carries that many; putting n of them into normal order takes n² steps."""
    n_characters = pa.compute.utf8_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    plain = pa.compute.string_is_ascii(column).fill_null(True).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero((n_characters >= MOST_MARKS) & ~plain)
    heaped = pa.compute.match_substring_regex(column.take(pa.array(rows)), _MARKS)
    rows = rows[heaped.to_numpy(zero_copy_only=False)]
    if len(rows):
        raise origin.problem(
            begin + int(rows[0]),
            f"column {quoted(name)}: {MOST_MARKS} combining marks in a row; is it text?",
        )
