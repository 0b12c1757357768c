"""The probes of a version: what its recall is measured with, and what is truly nearest to each.

Comparing a hundred probes with every vector takes seconds in a catalogue of a million. Of changes
only what is new has to be compared: the nearest of before are kept, more than are counted, so that
some may go.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexing.recall import RECALL_DEPTH, exact_nearest
from shortlist.bundle import layout
from shortlist.bundle.arrays import RowArray, Vectors, map_array
from shortlist.bundle.reader import Bundle
from shortlist.bundle.vectors import AllVectors

N_PROBES = 100
"""Queries that the recall of a whole version is measured with."""

_KEPT = 4 * RECALL_DEPTH

Nearest = npt.NDArray[np.int32]
"""The nearest rows of each probe, [p, d], best first; -1 behind the last that is known."""


def write_nearest(folder: Path, nearest: Nearest) -> None:
    """Write what is nearest to each probe."""
    np.save(folder / layout.PROBED, nearest)


def read_probes(live: Bundle) -> Vectors:
    """The probes of a version, float32 [p, dim]. Raises BundleCorrupt."""
    return map_array(live.folder / layout.PROBES, np.float32, None, live.manifest.embedding_dim)


def nearest_of_all(probes: Vectors, vectors: AllVectors) -> Nearest:
    """What is nearest to each probe among all vectors."""
    depth = min(_KEPT, len(vectors))
    rows = exact_nearest(probes, vectors, depth=depth)
    return np.stack(
        [_best(probe, vectors, own, depth) for probe, own in zip(probes, rows, strict=True)]
    )


def nearest_after(
    live: Bundle, probes: Vectors, vectors: AllVectors, *, rows: RowArray, fresh: RowArray
) -> Nearest:
    """What is nearest to each probe after changes to a version.

    `rows` int64 [n before] is the new row of each row whose vector is as it was, -1 for others, and
    `fresh` int64 the rows of those vectors that are new. All vectors are compared only where of
    some probe too many are gone.
    """
    if layout.PROBED not in live.manifest.files:
        return nearest_of_all(probes, vectors)
    known = map_array(live.folder / layout.PROBED, np.int32, len(probes), None)
    moved = np.where(known >= 0, rows[known], -1)
    n_known = (moved >= 0).sum(axis=1)
    wanted = min(RECALL_DEPTH, len(vectors))
    if n_known.min(initial=wanted) < wanted:
        return nearest_of_all(probes, vectors)
    found = np.full((len(probes), known.shape[1]), -1, np.int32)
    for place, (probe, own, n) in enumerate(zip(probes, moved, n_known.tolist(), strict=True)):
        # What is neither new nor known is no nearer than the last that is: the first n are sure.
        found[place, :n] = _best(probe, vectors, np.concatenate([own[own >= 0], fresh]), n)
    return found


def _best(probe: Vectors, vectors: AllVectors, rows: RowArray, n: int) -> Nearest:
    """The `n` of these rows that are nearest to a probe, best first."""
    scores = vectors[rows] @ probe
    return rows[np.lexsort((rows, -scores))[:n]].astype(np.int32)
