"""The neighbours section: which items the same people like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import Csr, RowArray, map_array

SECTION, VERSION = "neighbours", 1
COLLABORATIVE, CO_LIKED = "collaborative", "co_liked"
_PARTS = {"offsets": np.int64, "rows": np.int32, "weights": np.float16}
FILES = tuple(
    f"{SECTION}/{name}.{part}.npy" for name in (COLLABORATIVE, CO_LIKED) for part in _PARTS
)
ENTRIES = tuple(name for name in FILES if not name.endswith(".offsets.npy"))
"""The files that stay as they are when items are added, which have no neighbours."""


@dataclass(frozen=True)
class Neighbours:
    """What ratings say of pairs of items: a list of neighbours for every item.

    The lists hold rows, rising and never the item's own; an item that nobody likes has none.
    `collaborative` weights predict from all that somebody likes what else they do; they may be
    negative. `co_liked` weights are the share, in [0, 1], of those who like an item that like the
    neighbour too.
    """

    collaborative: Csr
    co_liked: Csr

    def knows(self, rows: RowArray) -> npt.NDArray[np.bool_]:
        """Which of these rows (int64 [m]) have any neighbour, bool [m]."""
        entries = self.collaborative.counts(rows) + self.co_liked.counts(rows)
        return np.asarray(entries > 0)


def write_neighbours(folder: Path, neighbours: Neighbours) -> None:
    """Write the section's files."""
    write_offsets(folder, neighbours)
    for name in (COLLABORATIVE, CO_LIKED):
        lists: Csr = getattr(neighbours, name)
        for part, values in (("rows", lists.indices), ("weights", lists.weights)):
            np.save(folder / _file(name, part), np.asarray(values))


def write_offsets(folder: Path, neighbours: Neighbours) -> None:
    """Write where each item's list begins, and nothing of what stands in the lists."""
    (folder / SECTION).mkdir(exist_ok=True)
    for name in (COLLABORATIVE, CO_LIKED):
        np.save(folder / _file(name, "offsets"), getattr(neighbours, name).offsets)


def read_neighbours(folder: Path, *, n_items: int) -> Neighbours:
    """Map the section into memory. Raises BundleCorrupt for files that do not fit the bundle."""
    found = {}
    for name in (COLLABORATIVE, CO_LIKED):
        parts = (map_array(folder / _file(name, part), kind, None) for part, kind in _PARTS.items())
        found[name] = Csr(*parts)
        found[name].check(_file(name, "rows"), n_rows=n_items, n_indices=n_items)
    return Neighbours(**found)


def _file(name: str, part: str) -> str:
    return f"{SECTION}/{name}.{part}.npy"
