"""Sets of rows: rising arrays looked up and merged by their order, and one bit for each row."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.attributes import Mask

N = TypeVar("N", bound=np.integer[Any])
Bits = npt.NDArray[np.uint8]
"""One bit for each row, the least of a byte first; zeros fill the last eight bytes up."""

_ROW_BITS = 32
"""What a row takes in a list: a set of more than one in 32 rows is smaller as bits."""

_NO_ROWS = np.empty(0, np.int32)


def distinct(numbers: npt.NDArray[N]) -> npt.NDArray[N]:
    """The numbers [m], rising, each once."""
    rising = np.sort(numbers)
    if len(rising) < 2:
        return rising
    apart = np.concatenate([[True], rising[1:] != rising[:-1]])
    return np.compress(apart, rising)


def stand_in(numbers: npt.NDArray[N], rising: npt.NDArray[N]) -> npt.NDArray[np.bool_]:
    """Which of the numbers [m] are among the `rising` ones [n], bool [m]; m look-ups of log n."""
    if not len(rising):
        return np.zeros(len(numbers), dtype=np.bool_)
    places = np.minimum(np.searchsorted(rising, numbers), len(rising) - 1)
    found: npt.NDArray[np.bool_] = rising[places] == numbers
    return found


class RowSet:
    """Some of `n_items` rows; it never changes, so threads may share one.

    Few rows are held as a list (`few`, int32, rising), more of them as `bits`: a million rows take
    125 kB at most. Other forms are made when they are asked for and kept as long as the set.
    """

    __slots__ = ("_bits", "_few", "_mask", "_n_rows", "_rows", "n_items")

    def __init__(
        self, n_items: int, n_rows: int, *, few: npt.NDArray[np.int32] | None, bits: Bits | None
    ) -> None:
        self.n_items = n_items
        self._n_rows = n_rows
        self._few, self._bits = few, bits
        self._rows: RowArray | None = None
        self._mask: Mask | None = None

    @classmethod
    def of_rows(cls, rows: npt.NDArray[np.integer[Any]], n_items: int) -> RowSet:
        """These rows, integers [m] that rise, each once."""
        if len(rows) * _ROW_BITS <= n_items:
            return cls(n_items, len(rows), few=rows.astype(np.int32), bits=None)
        return cls(n_items, len(rows), few=None, bits=_packed(_mask_of(rows, n_items)))

    @classmethod
    def of_mask(cls, mask: Mask) -> RowSet:
        """The rows at which a mask, bool [n_items], is true."""
        n_rows = int(np.count_nonzero(mask))
        if n_rows * _ROW_BITS <= len(mask):
            return cls(len(mask), n_rows, few=np.flatnonzero(mask).astype(np.int32), bits=None)
        return cls(len(mask), n_rows, few=None, bits=_packed(mask))

    @classmethod
    def of_bits(cls, bits: Bits, n_items: int) -> RowSet:
        """The rows whose bits are set."""
        n_rows = int(np.bitwise_count(bits.view(np.uint64)).sum(dtype=np.int64))
        if n_rows * _ROW_BITS > n_items:
            return cls(n_items, n_rows, few=None, bits=bits)
        rows = np.flatnonzero(np.unpackbits(bits, bitorder="little").view(np.bool_))
        return cls(n_items, n_rows, few=rows.astype(np.int32), bits=None)

    @classmethod
    def every(cls, n_items: int) -> RowSet:
        """All rows."""
        return ~cls(n_items, 0, few=_NO_ROWS, bits=None)

    def __len__(self) -> int:
        return self._n_rows

    @property
    def nbytes(self) -> int:
        """Bytes of the form that it is held in."""
        held = self._bits if self._few is None else self._few
        return 0 if held is None else held.nbytes

    @property
    def rows(self) -> RowArray:
        """The rows, int64, rising."""
        if self._rows is None:
            if len(self) == self.n_items:
                self._rows = np.arange(self.n_items)
            else:
                held = np.flatnonzero(self.mask) if self._few is None else self._few
                self._rows = held.astype(np.int64, copy=False)
        return self._rows

    @property
    def mask(self) -> Mask:
        """Which rows are in it, bool [n_items]."""
        if self._mask is None:
            self._mask = self._as_mask()
        return self._mask

    @property
    def bits(self) -> Bits:
        """A bit for each row."""
        if self._bits is None:
            self._bits = self._as_bits()
        return self._bits

    def has(self, rows: npt.NDArray[np.integer[Any]]) -> Mask:
        """Which of these rows (integers [m], in any order) are in it, bool [m]."""
        if self._mask is not None:
            looked_up: Mask = self._mask[rows]
            return looked_up
        if self._bits is None:
            assert self._few is not None
            return stand_in(rows.astype(np.int32), self._few)
        shifted = self._bits[rows >> 3] >> (rows & 7).astype(np.uint8)
        found: Mask = (shifted & np.uint8(1)).view(np.bool_)
        return found

    def afresh(self) -> RowSet:
        """The same set in the form that it is held in alone."""
        bits = self._bits if self._few is None else None
        return RowSet(self.n_items, self._n_rows, few=self._few, bits=bits)

    def without(self, rows: npt.NDArray[np.integer[Any]]) -> RowSet:
        """What is in it but these rows (integers [m], in any order)."""
        return self & ~RowSet.of_rows(distinct(rows), self.n_items) if len(rows) else self.afresh()

    def __and__(self, other: RowSet) -> RowSet:
        fewer, more = (self, other) if len(self) <= len(other) else (other, self)
        if fewer._few is not None:
            both = fewer._few[more.has(fewer._few)]
            return RowSet(self.n_items, len(both), few=both, bits=None)
        return RowSet.of_bits(self._as_bits() & other._as_bits(), self.n_items)

    def __or__(self, other: RowSet) -> RowSet:
        if self._few is not None and other._few is not None:
            both = distinct(np.concatenate([self._few, other._few]))
            return RowSet.of_rows(both, self.n_items)
        return RowSet.of_bits(self._as_bits() | other._as_bits(), self.n_items)

    def __invert__(self) -> RowSet:
        bits = ~self._as_bits()
        last, n_left = divmod(self.n_items, 8)
        bits[last + 1 :] = 0
        bits[last : last + 1] &= (1 << n_left) - 1
        return RowSet.of_bits(bits, self.n_items)

    def count_in(self, other: RowSet) -> int:
        """How many rows are in both."""
        fewer, more = (self, other) if len(self) <= len(other) else (other, self)
        if fewer._few is not None:
            return int(np.count_nonzero(more.has(fewer._few)))
        both = self._as_bits().view(np.uint64) & other._as_bits().view(np.uint64)
        return int(np.bitwise_count(both).sum(dtype=np.int64))

    def _as_mask(self) -> Mask:
        if self._few is not None:
            return _mask_of(self._few, self.n_items)
        assert self._bits is not None
        return np.unpackbits(self._bits, count=self.n_items, bitorder="little").view(np.bool_)

    def _as_bits(self) -> Bits:
        """Its bits, not kept: a set that is shared for long stays as small as it was."""
        return _packed(self._as_mask()) if self._bits is None else self._bits


def _mask_of(rows: npt.NDArray[np.integer[Any]], n_items: int) -> Mask:
    mask = np.zeros(n_items, dtype=np.bool_)
    mask[rows] = True
    return mask


def _packed(mask: Mask) -> Bits:
    bits = np.zeros(-(-len(mask) // 64) * 8, dtype=np.uint8)
    held = np.packbits(mask, bitorder="little")
    bits[: len(held)] = held
    return bits
