"""The journal as an object: its lines are added by replacing it on the condition of its tag."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from shortlist.bundle.journal import Journal, parse_entry
from shortlist.bundle.remote.objects import Objects
from shortlist.errors import StoreError

_ATTEMPTS = 20
_MOST_BYTES = 64 << 20


class RemoteJournal(Journal):
    """An object of JSON lines. Reading and writing it raise StoreError."""

    def __init__(self, objects: Objects, name: str) -> None:
        super().__init__(Path(name))
        self._objects, self._name = objects, name

    def trim(self, existing: Collection[str]) -> None:
        """Drop the entries before the first that speaks of a version that still exists.

        So it stays short, and every move that led to what exists stays in it.
        """

        def trimmed(content: bytes) -> bytes:
            lines = content.splitlines(keepends=True)
            for number, line in enumerate(lines):
                entry = parse_entry(line.decode("utf-8", errors="replace"))
                if entry is not None and {entry.source, entry.target} & set(existing):
                    return b"".join(lines[number:])
            return content

        self._rewrite(trimmed)

    def _content(self) -> bytes:
        found = self._objects.content(self._name, most_bytes=_MOST_BYTES)
        return b"" if found is None else found.content

    def _write(self, line: bytes) -> None:
        def added(content: bytes) -> bytes:
            # the answer to an attempt may have been lost
            return content if content.endswith(line) else content + line

        self._rewrite(added)

    def _rewrite(self, change: Callable[[bytes], bytes]) -> None:
        """Replace what it holds, again and again until nobody else did meanwhile."""
        for _ in range(_ATTEMPTS):
            found = self._objects.content(self._name, most_bytes=_MOST_BYTES)
            before = b"" if found is None else found.content
            after = change(before)
            if after == before:
                return
            if found is None:
                tag = self._objects.create(self._name, after)
            else:
                tag = self._objects.replace(self._name, after, found.tag)
            if tag is not None:
                return
        raise StoreError(f"{self._objects.address}/{self._name}: others keep writing it; run again")
