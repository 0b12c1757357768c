"""The vectors of all items in row order, whichever segment holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import Vectors
from shortlist.bundle.places import Places


class AllVectors:
    """Float32 unit rows [n, dim], read as an array is: by a row, a slice or rows int64 [m].

    What one segment holds in order is a view of its mapped file, all else a copy. `of_segments` are
    the vectors of every segment, entry by entry.
    """

    def __init__(self, of_segments: Sequence[Vectors], places: Places) -> None:
        self.of_segments = tuple(of_segments)
        self._places = places
        n_items = len(of_segments[0]) if places.entries is None else len(places.entries)
        self.shape = (n_items, of_segments[0].shape[1])
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | npt.NDArray[Any]) -> Vectors:
        if self._places.entries is None:
            found: Vectors = self.of_segments[0][rows]
            return found
        if isinstance(rows, slice):
            return self._gathered(np.arange(*rows.indices(len(self))))
        if isinstance(rows, np.ndarray):
            return self._gathered(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows)
        one: Vectors = self._gathered(np.array([rows]))[0]
        return one

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Vectors:
        """All of them at once, for small catalogues and tests."""
        return np.array(self[:], dtype=dtype, copy=copy)

    def _gathered(self, rows: npt.NDArray[Any]) -> Vectors:
        vectors = np.empty((len(rows), self.shape[1]), np.float32)
        for number, own, entries in self._places.parted(rows):
            vectors[own] = self.of_segments[number][entries]
        return vectors


AnyVectors = Vectors | AllVectors
"""Vectors float32 [n, dim] that rows are taken from."""
