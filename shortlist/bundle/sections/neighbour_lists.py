"""The neighbours section: which items the same people like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import map_array
from shortlist.errors import BundleCorrupt

SECTION, VERSION = "neighbours", 1
COLLABORATIVE, CO_LIKED = "collaborative", "co_liked"
_PARTS = {"offsets": np.int64, "rows": np.int32, "weights": np.float16}
FILES = tuple(
    f"{SECTION}/{name}.{part}.npy" for name in (COLLABORATIVE, CO_LIKED) for part in _PARTS
)


@dataclass(frozen=True)
class NeighbourLists:
    """A list of neighbours for every item, as CSR arrays.

    The neighbours of row i are `rows[offsets[i]:offsets[i + 1]]` (int32, rising, never i itself)
    and have the `weights` (float16) at the same places; `offsets` is int64 [n + 1]. An item that
    nobody likes has none.
    """

    offsets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of all three arrays."""
        return self.offsets.nbytes + self.rows.nbytes + self.weights.nbytes

    def counts(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many neighbours each of these rows (int64 [m]) has, int64 [m]."""
        return self.offsets[rows + 1] - self.offsets[rows]


@dataclass(frozen=True)
class Neighbours:
    """What ratings say of pairs of items.

    `collaborative` weights predict from all that somebody likes what else they do; they may be
    negative. `co_liked` weights are the share, in [0, 1], of those who like an item that like the
    neighbour too.
    """

    collaborative: NeighbourLists
    co_liked: NeighbourLists

    def knows(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of these rows (int64 [m]) have any neighbour, bool [m]."""
        known: npt.NDArray[np.bool_] = (self.collaborative.counts(rows) > 0) | (
            self.co_liked.counts(rows) > 0
        )
        return known


def write_neighbours(folder: Path, neighbours: Neighbours) -> None:
    """Write the section's files."""
    (folder / SECTION).mkdir()
    for name in (COLLABORATIVE, CO_LIKED):
        for part in _PARTS:
            np.save(folder / _file(name, part), getattr(getattr(neighbours, name), part))


def read_neighbours(folder: Path, *, n_items: int) -> Neighbours:
    """Map the section into memory. Raises BundleCorrupt for files that do not fit the bundle."""
    return Neighbours(
        collaborative=_read(folder, COLLABORATIVE, n_items=n_items),
        co_liked=_read(folder, CO_LIKED, n_items=n_items),
    )


def _read(folder: Path, name: str, *, n_items: int) -> NeighbourLists:
    lists = NeighbourLists(
        **{part: map_array(folder / _file(name, part), kind, 1) for part, kind in _PARTS.items()}
    )
    offsets = lists.offsets
    if len(offsets) != n_items + 1 or offsets[0] != 0 or np.any(np.diff(offsets) < 0):
        raise BundleCorrupt(f"{_file(name, 'offsets')}: expected {n_items + 1} rising offsets")
    if len(lists.rows) != offsets[-1] or len(lists.weights) != offsets[-1]:
        raise BundleCorrupt(f"{_file(name, 'rows')}: expected {offsets[-1]} neighbours")
    if len(lists.rows) and not (lists.rows.min() >= 0 and lists.rows.max() < n_items):
        raise BundleCorrupt(f"{_file(name, 'rows')}: names rows that the bundle does not have")
    if not np.isfinite(lists.weights).all():
        raise BundleCorrupt(f"{_file(name, 'weights')}: expected finite weights")
    return lists


def _file(name: str, part: str) -> str:
    return f"{SECTION}/{name}.{part}.npy"
