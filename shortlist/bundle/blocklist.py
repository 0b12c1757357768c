"""The blocklist: items that must vanish from every answer at once, without a rebuild."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.files import open_regular
from shortlist.bundle.tables import IdMap

MAX_BYTES = 64 * 1024 * 1024
"""A million ids take a quarter of it; a list that is larger is a mistake, and memory is not."""

_ABSENT = (0, 0, 0)


@dataclass(frozen=True)
class Blocklist:
    """The ids in the file, as they stand there; blank lines are left out."""

    ids: frozenset[str] = frozenset()

    def rows(self, id_map: IdMap) -> RowArray:
        """The rows of those blocked items that this catalogue has, int64, rising."""
        return id_map.rows_of(self.ids)


class BlocklistFile:
    """A UTF-8 file of one id a line, parsed again only when it changed. For one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)
        self._seen: tuple[int, int, int] | None = None
        self._blocklist = Blocklist()

    def read(self) -> Blocklist:
        """The blocklist, the same object while the file is the same; empty when there is none.

        Raises OSError or UnicodeDecodeError when it is there and cannot be read, and when its
        folder is not there. What is no regular file is not waited for.
        """
        try:
            stream = open_regular(self.path)
        except FileNotFoundError:
            if self.path.is_symlink() or not self.path.parent.is_dir():
                raise
            return self._kept(_ABSENT, b"")
        with stream:
            found = os.fstat(stream.fileno())
            if found.st_size > MAX_BYTES:
                raise OSError(f"{found.st_size} bytes, expected at most {MAX_BYTES}")
            signature = (found.st_mtime_ns, found.st_size, found.st_ino)
            return self._kept(signature, stream.read() if signature != self._seen else b"")

    def _kept(self, signature: tuple[int, int, int], content: bytes) -> Blocklist:
        if signature != self._seen:
            self._blocklist = self._parsed(content)
            self._seen = signature
        return self._blocklist

    @staticmethod
    def _parsed(content: bytes) -> Blocklist:
        lines = content.decode("utf-8-sig").splitlines()
        return Blocklist(frozenset(line.strip() for line in lines if line.strip()))
