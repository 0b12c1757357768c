"""The lanes: ways for an item into the pool, and what each lane says of items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray


@dataclass(frozen=True)
class Matches:
    """What a lane says of the items it speaks of: rows int64 [m], rising, distinct.

    `values` float64 [m] in [0, 1], by the feature they are the values of.
    """

    rows: RowArray
    values: Mapping[str, FloatArray]

    def at(self, rows: RowArray, name: str) -> FloatArray:
        """A feature at these rows, float64 [n]; 0 for rows that the lane does not speak of."""
        if not len(self.rows):
            return np.zeros(len(rows))
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[place] == rows, self.values[name][place], 0.0)
