"""Whether the tables that no service reads agree with those that it does.

All else that a bundle's content must be is looked at wherever one is loaded.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from indexing.embeddings import read_hashes
from shortlist.bundle import layout
from shortlist.bundle.reader import Bundle
from shortlist.errors import BundleCorrupt, GateError


def check_integrity(bundle: Bundle) -> None:
    """Raises GateError naming the Parquet file that does not fit the rest of its bundle."""
    try:
        read_hashes(bundle)
    except BundleCorrupt as error:
        raise GateError(str(error)) from error
    _check_popularity(bundle)


def _check_popularity(bundle: Bundle) -> None:
    popularity = bundle.items.popularity
    if popularity is None:
        return
    column = "popularity_score"
    try:
        table = pyarrow.parquet.read_table(bundle.folder / layout.POPULARITY, columns=[column])
    except (pa.ArrowException, OSError) as error:
        raise GateError(f"{layout.POPULARITY}: not a Parquet file: {error}") from error
    if not np.array_equal(table[column].to_numpy(), popularity.popularity_score):
        raise GateError(f"{layout.POPULARITY}: its scores are not those of {layout.ITEMS}")
