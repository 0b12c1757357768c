"""The tags and ratings: what users said of items, as tables over rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from indexing.catalog.arrow_values import joined
from indexing.catalog.database import Databases
from indexing.catalog.ids import rows_of
from indexing.catalog.limits import DEFAULT, Limits
from indexing.catalog.number_format import plain_numbers
from indexing.catalog.quoting import quoted
from indexing.catalog.records import records_of
from indexing.catalog.sources import RatingsConfig, TagsConfig
from indexing.catalog.tables import as_text, read_table, text_array


@dataclass(frozen=True)
class Events:
    """A table whose `row` column points at items, and how many records named unknown ones."""

    table: pd.DataFrame
    n_dropped: int


def read_tags(
    config: TagsConfig,
    folder: Path,
    *,
    ids: pd.Series,
    limits: Limits = DEFAULT,
    databases: Databases | None = None,
) -> Events:
    """Columns row and tag (text), in file order; records of unknown items are left out."""
    table = read_table(
        records_of(config, folder, databases), [config.item, config.tag], limits=limits
    )
    return _known_items(rows_of(table[config.item], ids), {"tag": as_text(table[config.tag])})


def read_ratings(
    config: RatingsConfig,
    folder: Path,
    *,
    ids: pd.Series,
    limits: Limits = DEFAULT,
    databases: Databases | None = None,
) -> Events:
    """Columns row, value (float64) and, where the file has them, user (text) and time (text).

    Raises CatalogError (file and line) for a value that is no number or outside the scale,
    also in a record of an unknown item.
    """
    records = records_of(config, folder, databases)
    optional = {"user": config.user, "time": config.time}
    named = {name: column for name, column in optional.items() if column is not None}
    table = read_table(records, [config.item, config.value, *named.values()], limits=limits)
    lowest, highest = config.scale
    written = plain_numbers(table[config.value], "rating", config.numbers, origin=records.origin)
    values = _numbers(written)
    bad = np.flatnonzero(~values.between(lowest, highest).to_numpy(dtype=bool))
    if len(bad):
        row = int(bad[0])
        found = quoted(str(table[config.value].iloc[row]))
        raise records.origin.problem(
            row,
            f"rating {found}: expected a number from {lowest:g} to {highest:g} ({len(bad)} such"
            " records)",
        )
    columns = {name: as_text(table[column]) for name, column in named.items()}
    return _known_items(rows_of(table[config.item], ids), {"value": values, **columns})


def _numbers(written: pd.Series) -> pd.Series:
    """As float64, NaN for what is no number; each distinct value is read once."""
    kind = written.dtype.pyarrow_dtype if isinstance(written.dtype, pd.ArrowDtype) else pa.null()
    if pa.types.is_nested(kind):  # lists and the like, which cannot be told apart
        return pd.Series(np.nan, index=written.index)
    codes, distinct = pd.factorize(written)
    numbers = pd.to_numeric(pd.Series(distinct), errors="coerce").astype("float64")
    return pd.Series(np.append(numbers.to_numpy(), np.nan)[codes], index=written.index)


def tags_by_row(tags: pd.DataFrame, n_items: int) -> pa.Array:
    """The tags of each row, in file order, from a table with the columns row and tag.

    An array of lists of text, none of them null.
    """
    rows = tags["row"].to_numpy(np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n_items))])
    texts = text_array(tags["tag"])
    if np.any(rows[1:] < rows[:-1]):
        texts = texts.take(pa.array(np.argsort(rows, kind="stable")))
    return pa.LargeListArray.from_arrays(pa.array(offsets), texts)


def joined_tags(tags: pd.DataFrame, n_items: int) -> pd.Series:
    """Each item's tags joined by blanks in file order, "" for an item without; row order."""
    texts: pd.Series = joined(tags_by_row(tags, n_items), " ").to_pandas()
    return texts


def _known_items(rows: np.ndarray, columns: dict[str, pd.Series]) -> Events:
    table = pd.DataFrame({"row": rows, **columns})
    known = table[table["row"] >= 0].reset_index(drop=True)
    return Events(known, len(table) - len(known))
