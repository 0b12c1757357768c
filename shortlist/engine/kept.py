"""What was found for the filters of one snapshot, kept as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar, cast

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.attributes import Mask
from shortlist.engine.row_sets import RowSet

V = TypeVar("V")

KEPT_BYTES = 64 << 20
"""Room for 500 sets of rows of a million items, each of them a bit a row."""

_ENTRY_BYTES, _PART_BYTES = 400, 64
"""What an entry takes beside its value: its place in the order, and each part of its key."""


class Kept:
    """Values by their keys, those not asked for the longest forgotten first.

    Threads share it; two that miss the same key at the same moment both find the value. It belongs
    to one snapshot: what a key stands for is another thing in another bundle.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self.most_bytes = most_bytes
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0

    def get(self, key: Hashable, find: Callable[[], V], size: Callable[[V], int]) -> V:
        """The value of a key, found now unless it is kept; `size` gives its bytes.

        What is larger than a quarter of the room is not kept.
        """
        with self._lock:
            entry = self._held.get(key)
            if entry is not None:
                self._held.move_to_end(key)
                return cast("V", entry[0])
        value = find()
        self.put(key, value, size(value))
        return value

    def of_mask(self, key: Hashable, find: Callable[[], Mask]) -> RowSet:
        """The set of rows of a key, found as a mask, bool [n], unless it is kept."""
        return self.get(key, lambda: RowSet.of_mask(find()), _size)

    def of_rows(self, key: Hashable, n_items: int, find: Callable[[], RowArray]) -> RowSet:
        """The set of rows of a key, found as rising rows unless it is kept."""
        return self.get(key, lambda: RowSet.of_rows(find(), n_items), _size)

    def has(self, key: Hashable) -> bool:
        """Whether the value of a key is kept."""
        return key in self._held

    def put(self, key: Hashable, value: Any, n_bytes: int) -> None:
        """Keep a value of so many bytes."""
        n_bytes += _ENTRY_BYTES + _PART_BYTES * (len(key) if isinstance(key, tuple) else 1)
        if n_bytes > self.most_bytes // 4:
            return
        with self._lock:
            _, before = self._held.pop(key, (None, 0))
            self._held[key] = value, n_bytes
            self.nbytes += n_bytes - before
            while self.nbytes > self.most_bytes:
                _, (_, gone) = self._held.popitem(last=False)
                self.nbytes -= gone


def _size(found: RowSet) -> int:
    return found.nbytes
