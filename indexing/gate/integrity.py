"""Whether the tables that no service reads agree with those that it does.

All else that a bundle's content must be is looked at wherever one is loaded.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from indexing.embeddings import check_hashes
from shortlist.bundle import layout
from shortlist.bundle.reader import Bundle
from shortlist.errors import BundleCorrupt, GateError


def check_integrity(bundle: Bundle, *, sharing: Bundle | None = None) -> None:
    """Raises GateError naming the file that does not fit the rest of its bundle.

    A file that the sound bundle `sharing` has too is not looked at again where what it must fit is
    as it was.
    """
    try:
        check_hashes(bundle)
    except BundleCorrupt as error:
        raise GateError(str(error)) from error
    _check_popularity(bundle, sharing)


def _check_popularity(bundle: Bundle, sharing: Bundle | None) -> None:
    popularity = bundle.items.popularity
    if popularity is None:
        return
    if sharing is not None and sharing.items.popularity is not None:
        same = bundle.manifest.shares(sharing.manifest, [layout.POPULARITY])
        before = sharing.items.popularity.popularity_score
        if same and np.array_equal(before, popularity.popularity_score):
            return
    column = "popularity_score"
    try:
        table = pyarrow.parquet.read_table(bundle.folder / layout.POPULARITY, columns=[column])
    except (pa.ArrowException, OSError) as error:
        raise GateError(f"{layout.POPULARITY}: not a Parquet file: {error}") from error
    if not np.array_equal(table[column].to_numpy(), popularity.popularity_score):
        raise GateError(f"{layout.POPULARITY}: its scores are not those of {layout.ITEMS}")
