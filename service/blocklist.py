"""The blocklist: items that must vanish from every answer at once, without a rebuild."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shortlist.bundle.tables import IdMap, ItemId

_INTEGER = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True)
class Blocklist:
    """The ids in the file, as they stand there; blank lines are left out."""

    ids: frozenset[str] = frozenset()

    def rows(self, id_map: IdMap) -> npt.NDArray[np.int64]:
        """The rows of those blocked items that this catalogue has, int64, rising."""
        integer = pa.types.is_integer(id_map.ids.type)
        found = [id_map.row_of(item_id) for item_id in self._typed(integer=integer)]
        return np.sort(np.array([row for row in found if row is not None], dtype=np.int64))

    def _typed(self, *, integer: bool) -> list[ItemId]:
        if not integer:
            return list(self.ids)
        return [int(text) for text in self.ids if _INTEGER.fullmatch(text)]


def read_blocklist(path: Path) -> Blocklist:
    """The blocklist in a UTF-8 file, one id a line; empty when there is no file.

    Raises OSError or UnicodeDecodeError when it is there and cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return Blocklist()
    return Blocklist(frozenset(line.strip() for line in text.splitlines() if line.strip()))
