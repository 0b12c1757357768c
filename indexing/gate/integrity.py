"""Whether the tables that no service reads agree with those that it does.

All else that a bundle's content must be is looked at wherever one is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from shortlist.bundle import layout
from shortlist.bundle.reader import Bundle
from shortlist.errors import GateError


def check_integrity(bundle: Bundle) -> None:
    """Raises GateError naming the Parquet file that does not fit the rest of its bundle."""
    path = bundle.folder / layout.DOCUMENTS
    rows = _read(path.name, lambda: pyarrow.parquet.read_metadata(path).num_rows)
    if rows != bundle.n_items:
        raise GateError(f"{layout.DOCUMENTS}: {rows} rows, expected {bundle.n_items}")
    _check_popularity(bundle)


def _check_popularity(bundle: Bundle) -> None:
    popularity = bundle.items.popularity
    if popularity is None:
        return
    path, column = bundle.folder / layout.POPULARITY, "popularity_score"
    table = _read(path.name, lambda: pyarrow.parquet.read_table(path, columns=[column]))
    if not np.array_equal(table[column].to_numpy(), popularity.popularity_score):
        raise GateError(f"{layout.POPULARITY}: its scores are not those of {layout.ITEMS}")


def _read(name: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (pa.ArrowException, OSError) as error:
        raise GateError(f"{name}: not a Parquet file: {error}") from error
