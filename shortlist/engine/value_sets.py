"""Which items carry a category or a value that is told apart by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shortlist.bundle.arrays import Csr, RowArray, truths_of
from shortlist.bundle.attributes import CODED, LISTED, Kind, codes_of, kind_of, named_of
from shortlist.bundle.reader import Bundle
from shortlist.engine.kept import Kept
from shortlist.engine.row_sets import RowSet

Codes = npt.NDArray[np.int32] | npt.NDArray[np.int8]

CATEGORIES = "categories"
MANY_NAMES = 64
"""Up to so many names have a set of rows each that counts are taken from: for half of a million
items 0.02 ms a name, where going through what the items carry takes 1 ms (one value each) to 9 ms
(lists)."""

_NAMES_WORTH = 512
"""So many sets are counted while what all rows carry is gone through."""

_JOINED = 16
"""So many values' sets are joined one by one; those of more are found in one go."""


@dataclass(frozen=True)
class Carried:
    """What the items carry of one kind, as codes.

    `column` gives lists of codes, or codes with -1 for none, of these rows (int64) or of all; there
    are `n_names` codes.
    """

    name: str
    n_names: int
    column: Callable[[RowArray | None], Csr | Codes]

    def by(self, code: int, kept: Kept) -> RowSet:
        """The rows that carry this code."""
        return kept.get(("carry", self.name, code), lambda: self._find([code]), _size)

    def by_any(self, codes: Sequence[int], kept: Kept) -> RowSet:
        """The rows that carry one of these codes, at least one."""
        if len(codes) <= _JOINED:
            return reduce(or_, (self.by(code, kept) for code in codes))
        key = "any", self.name, tuple(sorted(codes))
        return kept.get(
            key, lambda: self._find(codes), lambda found: _size(found) + 40 * len(codes)
        )

    def by_each(self, kept: Kept) -> list[RowSet]:
        """The rows of every code; for few codes."""
        if not all(kept.has(("carry", self.name, code)) for code in range(self.n_names)):
            for code, found in enumerate(self._split()):
                kept.put(("carry", self.name, code), found, _size(found))
        return [self.by(code, kept) for code in range(self.n_names)]

    def counts(self, rows: RowSet, kept: Kept) -> RowArray:
        """How many of these rows carry each code, int64 [n_names].

        Through the sets of the codes, or through what the rows carry, whichever is less work.
        """
        worth = _NAMES_WORTH * len(rows) / max(1, rows.n_items)
        fits = self.n_names * rows.n_items // 8 <= kept.most_bytes // 4
        if fits and self.n_names <= min(MANY_NAMES, worth):
            return np.array([one.count_in(rows) for one in self.by_each(kept)], np.int64)
        among = None if len(rows) == rows.n_items else rows.rows
        held = self.column(among)
        if isinstance(held, Csr):
            entries = held.indices if among is None else held.indices[held.places(among)]
            return np.bincount(entries, minlength=self.n_names)
        return np.bincount(held + 1, minlength=self.n_names + 1)[1:]

    def n_having(self, rows: RowSet, kept: Kept) -> int:
        """How many of these rows carry any code."""

        def find() -> npt.NDArray[np.bool_]:
            held = self.column(None)
            return np.diff(held.offsets) > 0 if isinstance(held, Csr) else held >= 0

        return kept.of_mask(("valued", self.name), find).count_in(rows)

    def _find(self, codes: Sequence[int]) -> RowSet:
        held = self.column(None)
        if isinstance(held, Csr):
            hits = np.flatnonzero(_equal_any(held.indices, codes))
            return _rows_of_entries(held, hits)
        return RowSet.of_mask(_equal_any(held, codes))

    def _split(self) -> list[RowSet]:
        """The rows of every code at once: one sort of the entries instead of a look for each."""
        held = self.column(None)
        if not isinstance(held, Csr):
            return [RowSet.of_mask(held == code) for code in range(self.n_names)]
        order = np.argsort(held.indices.astype(np.uint8), kind="stable")  # 64 names fit
        n_items = len(held)
        rows = np.repeat(np.arange(n_items, dtype=np.int32), np.diff(held.offsets))[order]
        ends = np.cumsum(np.bincount(held.indices, minlength=self.n_names))
        return [_once(one, n_items) for one in np.split(rows, ends[:-1])]


def categories_of(bundle: Bundle) -> Carried:
    """The categories of the items."""
    held = bundle.items.categories
    return Carried(CATEGORIES, len(held.names), lambda _: held.lists)


def values_of(name: str, column: pa.Array) -> Carried:
    """The values of an attribute that is told apart by name."""
    if kind_of(column) is Kind.STRINGS:
        return Carried(name, len(names_of(column)), lambda _: named_of(column)[0])
    if kind_of(column) is Kind.BOOLEAN:
        return Carried(name, len(names_of(column)), lambda rows: _truth_codes(column, rows))
    return Carried(name, len(names_of(column)), lambda rows: codes_of(column, rows)[0])


def _truth_codes(column: pa.Array, rows: RowArray | None) -> Codes:
    """The codes of `codes_of` as int8: in a tenth of the time."""
    truths, known = truths_of(column)
    codes = np.where(known, truths.view(np.int8), np.int8(-1))
    return codes if rows is None else codes[rows]


def names_of(column: pa.Array) -> pa.Array:
    """The texts of the codes of such an attribute."""
    if column.type == CODED:
        return column.dictionary
    if kind_of(column) is Kind.BOOLEAN:
        return pa.array(["false", "true"])
    return column.values.dictionary if column.type == LISTED else codes_of(column)[1]


def _size(found: RowSet) -> int:
    return found.nbytes


def _equal_any(values: Codes, codes: Sequence[int]) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[Any] = values == codes[0] if len(codes) == 1 else np.isin(values, codes)
    return found


def _rows_of_entries(lists: Csr, entries: npt.NDArray[np.int64]) -> RowSet:
    """The rows whose lists hold these entries (int64, rising)."""
    rows = np.searchsorted(lists.offsets, entries, side="right") - 1
    return _once(rows, len(lists))


def _once(rows: npt.NDArray[np.integer[Any]], n_items: int) -> RowSet:
    """The set of these rows, rising, of which some may stand twice."""
    mask = np.zeros(n_items, dtype=np.bool_)
    mask[rows] = True
    return RowSet.of_mask(mask)
