"""Where items stand: each row of the catalogue is one entry of one segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shortlist.bundle import layout
from shortlist.bundle.arrays import RowArray
from shortlist.errors import BundleCorrupt

EntryRows = npt.NDArray[np.int32]
"""The row of every entry of a segment, [m]; -1 where the item is gone or stands elsewhere."""

GONE = -1


@dataclass(frozen=True)
class Places:
    """The segment of each row, int16 [n], and its entry there, int32 [n].

    Both None where there is one segment whose entries are the rows in their order.
    """

    segments: npt.NDArray[np.int16] | None = None
    entries: npt.NDArray[np.int32] | None = None

    def parted(
        self, rows: npt.NDArray[Any]
    ) -> Iterator[tuple[int, RowArray | slice, npt.NDArray[Any]]]:
        """These rows (integers [m]) by segment: its number, which of them, and their entries."""
        if self.segments is None or self.entries is None:
            yield 0, slice(None), rows
            return
        of_each = self.segments[rows]
        for number in np.unique(of_each).tolist():
            own = np.flatnonzero(of_each == number)
            yield number, own, self.entries[rows[own]]


def places_of(rows: Sequence[EntryRows], *, n_items: int) -> Places:
    """Where each of the rows stands, by the rows of every segment's entries.

    Raises BundleCorrupt unless each row stands in one place.
    """
    if len(rows) == 1 and is_in_order(rows[0], n_items):
        return Places()
    wrong = BundleCorrupt(f"{layout.ROWS}: expected every item once among the segments' entries")
    n_live = sum(int((own >= 0).sum()) for own in rows)
    if n_live != n_items or max(int(own.max(initial=-1)) for own in rows) >= n_items:
        raise wrong
    segments = np.full(n_items, -1, np.int16)
    entries = np.zeros(n_items, np.int32)
    for number, own in enumerate(rows):
        live = np.flatnonzero(own >= 0)
        segments[own[live]] = number
        entries[own[live]] = live
    if (segments < 0).any():
        raise wrong
    return Places(segments, entries)


def is_in_order(rows: EntryRows, n_items: int) -> bool:
    """Whether these entries are all rows in their order."""
    return len(rows) == n_items and bool(np.array_equal(rows, np.arange(n_items)))
