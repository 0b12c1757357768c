"""The blocklist: items that must vanish from every answer at once, without a rebuild."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.tables import IdMap


@dataclass(frozen=True)
class Blocklist:
    """The ids in the file, as they stand there; blank lines are left out."""

    ids: frozenset[str] = frozenset()

    def rows(self, id_map: IdMap) -> RowArray:
        """The rows of those blocked items that this catalogue has, int64, rising."""
        return id_map.rows_of(self.ids)


def read_blocklist(path: Path) -> Blocklist:
    """The blocklist in a UTF-8 file, one id a line; empty when there is no file.

    Raises OSError or UnicodeDecodeError when it is there and cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return Blocklist()
    return Blocklist(frozenset(line.strip() for line in text.splitlines() if line.strip()))
