"""Whether a bundle's content makes sense; its checksums only say that it is as written."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet

from shortlist.bundle import layout
from shortlist.bundle.reader import Bundle
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import BundleCorrupt, GateError

_BLOCK_ROWS = 65_536
_NORM_TOLERANCE = 1e-4
_SELF_SEARCHES = 200
_SELF_RECALL = 0.9


def check_integrity(snapshot: Snapshot) -> None:
    """Unit rows, finite values, scores in [0, 1], one id a row, and files that agree.

    Raises GateError naming the file and the first row that is wrong.
    """
    bundle = snapshot.bundle
    _check_vectors(bundle)
    _check_ids(bundle)
    categories = bundle.items.categories
    try:
        categories.lists.check(
            f"{layout.ITEMS}: categories", n_rows=bundle.n_items, n_indices=len(categories.names)
        )
    except BundleCorrupt as error:
        raise GateError(str(error)) from error
    _check_popularity(bundle)
    rows = pyarrow.parquet.read_metadata(bundle.folder / layout.DOCUMENTS).num_rows
    if rows != bundle.n_items:
        raise GateError(f"{layout.DOCUMENTS}: {rows} rows, expected {bundle.n_items}")
    _check_index(snapshot)


def _check_index(snapshot: Snapshot) -> None:
    """Stored vectors find themselves: an index of other vectors answers with wrong items.

    A row counts as found when the best score is that of the vector with itself, so that equal
    vectors may stand for each other.
    """
    bundle, info = snapshot.bundle, snapshot.bundle.manifest.retrieval
    rows = np.linspace(0, bundle.n_items - 1, min(bundle.n_items, _SELF_SEARCHES)).astype(int)
    found = 0
    for row in rows:
        scores = snapshot.retriever.retrieve(bundle.vectors[row], 1).scores
        found += bool(len(scores) and scores[0] >= 1 - _NORM_TOLERANCE)
    if found / len(rows) < (1.0 if info.exact else _SELF_RECALL):
        raise GateError(
            f"{info.file}: only {found} of {len(rows)} stored vectors find themselves; the index"
            f" is not one of {layout.VECTORS}"
        )


def _check_vectors(bundle: Bundle) -> None:
    for begin in range(0, bundle.n_items, _BLOCK_ROWS):
        norms = np.linalg.norm(bundle.vectors[begin : begin + _BLOCK_ROWS], axis=1)
        wrong = np.flatnonzero(~(np.abs(norms - 1) <= _NORM_TOLERANCE))
        if len(wrong):
            row = begin + int(wrong[0])
            raise GateError(
                f"{layout.VECTORS}: row {row} has length {norms[wrong[0]]:.6f}, expected 1"
            )


def _check_ids(bundle: Bundle) -> None:
    if not np.array_equal(np.sort(bundle.ids.rows_by_id), np.arange(bundle.n_items)):
        raise GateError(f"{layout.ID_MAP}: rows_by_id is no permutation of the rows")
    if len(bundle.ids.ids.unique()) != bundle.n_items:
        raise GateError(f"{layout.ID_MAP}: an item id stands twice")


def _check_popularity(bundle: Bundle) -> None:
    popularity = bundle.items.popularity
    if popularity is None:
        return
    scores = popularity.popularity_score
    if not np.all((scores >= 0) & (scores <= 1)):
        raise GateError(f"{layout.ITEMS}: a popularity score is outside 0 to 1")
    table = pyarrow.parquet.read_table(bundle.folder / layout.POPULARITY)
    if not np.array_equal(table["popularity_score"].to_numpy(), scores):
        raise GateError(f"{layout.POPULARITY}: its scores are not those of {layout.ITEMS}")
