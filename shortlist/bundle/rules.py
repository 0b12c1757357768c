"""What the values of an array must be; each rule raises BundleCorrupt, naming the file.

Every rule looks at each value once and holds no copy larger than a block or a mask. NaN breaks all
of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from shortlist.errors import BundleCorrupt

NORM_TOLERANCE = 1e-4
"""How far from 1 a stored vector's length, and its product with itself, may be."""

_BLOCK_ROWS = 8192


def check_range(name: str, values: npt.NDArray[Any], low: float, high: float) -> None:
    """All values lie from `low` to `high`, both included."""
    if len(values) and not (values.min() >= low and values.max() <= high):
        row = int(np.flatnonzero(~((values >= low) & (values <= high)))[0])
        raise BundleCorrupt(f"{name}: row {row}: expected {low:g} to {high:g}, found {values[row]}")


def check_rising(name: str, values: npt.NDArray[Any], *, strictly: bool = False) -> None:
    """No value is below the one before it; `strictly`, none equals it either."""
    # Compared rather than subtracted: a difference of integers can wrap round.
    risen = values[1:] > values[:-1] if strictly else values[1:] >= values[:-1]
    if not risen.all():
        row = 1 + int(np.flatnonzero(~risen)[0])
        raise BundleCorrupt(
            f"{name}: row {row}: expected rising values, found {values[row]} after"
            f" {values[row - 1]}"
        )


def check_unit_rows(name: str, vectors: npt.NDArray[np.float32]) -> None:
    """Every row of float32 [n, dim] is finite and has length 1."""
    for begin in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors[begin : begin + _BLOCK_ROWS]
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.vecdot(block, block)
            wrong = np.flatnonzero(~(np.abs(squares - 1) <= 2 * NORM_TOLERANCE))
        if len(wrong):
            row = begin + int(wrong[0])
            length = float(np.linalg.norm(vectors[row].astype(np.float64)))
            raise BundleCorrupt(f"{name}: row {row} has length {length:.6g}, expected 1")
