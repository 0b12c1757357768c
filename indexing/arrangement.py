"""Which segments a new version keeps, and which items go into a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexing.documents import HashArray
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.places import GONE, EntryRows

OPEN_UP_TO = 2_000
"""A segment of fewer entries is written anew, together with what is new, until it has as many."""

TIER = 8
"""Segments of about the same size are joined when there are as many; a join is so much larger."""

MOST_GONE = 0.2
"""The share of entries that may be gone before everything is written into one segment."""


@dataclass(frozen=True)
class Kept:
    """A segment that stays, by its place among the live ones, and the rows of its entries."""

    place: int
    rows: EntryRows


@dataclass(frozen=True)
class Arrangement:
    """The segments that stay, and the rows (int64, rising) that are written into a new one."""

    kept: tuple[Kept, ...]
    fresh: RowArray

    @property
    def share_gone(self) -> float:
        """The share of the kept entries that are gone, in [0, 1]."""
        n_entries = sum(len(one.rows) for one in self.kept)
        n_gone = sum(int((one.rows == GONE).sum()) for one in self.kept)
        return n_gone / n_entries if n_entries else 0.0


def whole(n_items: int) -> Arrangement:
    """Everything in one new segment."""
    return Arrangement((), np.arange(n_items))


def arrange(rows: Sequence[EntryRows], *, n_items: int, compact: bool) -> Arrangement:
    """What stays, when `rows` (int32 [m] each) are the rows that the live segments' entries have.

    What no entry has is new. Small segments are written anew with it, and segments of about one
    size when there are eight of them, so that a version never has many and none is written often.
    With `compact` everything goes into one segment when more than a fifth of the entries are gone.
    """
    kept = [Kept(place, own) for place, own in enumerate(rows) if (own >= 0).any()]
    if compact and Arrangement(tuple(kept), np.empty(0, np.int64)).share_gone > MOST_GONE:
        return whole(n_items)
    fresh = _missing(kept, n_items)
    if not len(fresh) and len(kept) < TIER:
        return Arrangement(tuple(kept), fresh)
    kept = [one for one in kept if len(one.rows) >= OPEN_UP_TO]
    fresh = _missing(kept, n_items)
    while joined := _full_tier(kept, len(fresh)):
        kept = [one for one in kept if one not in joined]
        fresh = _missing(kept, n_items)
    return Arrangement(tuple(kept), fresh)


def _missing(kept: Sequence[Kept], n_items: int) -> RowArray:
    """The rows that none of these segments has."""
    has = np.zeros(n_items, dtype=np.bool_)
    for one in kept:
        has[one.rows[one.rows >= 0]] = True
    return np.flatnonzero(~has)


def _full_tier(kept: Sequence[Kept], n_fresh: int) -> list[Kept]:
    """The segments of a size of which there are too many, what is new counted among them."""
    sizes = [_tier(len(one.rows)) for one in kept]
    own = _tier(n_fresh)
    for tier in sorted(set(sizes)):
        if sizes.count(tier) + (own == tier) > TIER:
            return [one for one, size in zip(kept, sizes, strict=True) if size == tier]
    return []


def _tier(n_entries: int) -> int:
    """0 up to 2,000 entries, then one more for eight times as many."""
    tier = 0
    while n_entries > OPEN_UP_TO:
        tier, n_entries = tier + 1, n_entries // TIER
    return tier


def rows_of_entries(contents: Sequence[HashArray], wanted: HashArray) -> list[EntryRows]:
    """The row of each entry, int32 [m] for each of the `contents` S16 [m], -1 where it has none.

    Row i of the catalogue has the contents `wanted[i]`, S16 [n]. Of equal contents each entry goes
    to one row, those of the first segment to the first rows.
    """
    entries = np.concatenate([*contents, wanted[:0]])
    codes = _codes(np.concatenate([entries, wanted]))
    of_entries, of_rows = codes[: len(entries)], codes[len(entries) :]
    _, at, rows = np.intersect1d(
        _numbered(of_entries, most=len(codes)),
        _numbered(of_rows, most=len(codes)),
        assume_unique=True,
        return_indices=True,
    )
    found: EntryRows = np.full(len(entries), GONE, np.int32)
    found[at] = rows
    ends = np.cumsum([len(one) for one in contents])
    return np.split(found, ends[:-1])


def _codes(hashes: HashArray) -> RowArray:
    """Equal numbers for equal hashes, int64."""
    halves = hashes.view(np.uint64).reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    codes = np.empty(len(order), np.int64)
    codes[order] = np.cumsum(is_new)
    return codes


def _numbered(codes: RowArray, *, most: int) -> npt.NDArray[np.int64]:
    """One number for a code and how many equal ones, of `most`, stand before it."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    begins = np.searchsorted(ordered, ordered, side="left")
    numbers = np.empty(len(codes), np.int64)
    numbers[order] = ordered * (most + 1) + np.arange(len(codes)) - begins
    return numbers
