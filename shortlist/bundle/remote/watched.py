"""Objects that are looked at again and again: CURRENT, BLOCKLIST."""

from __future__ import annotations

import threading
from pathlib import Path

from shortlist.bundle.blocklist import MAX_BYTES, Blocklist, BlocklistFile
from shortlist.bundle.files import write_durably
from shortlist.bundle.remote.objects import UNCHANGED, Found, Objects, Tag
from shortlist.errors import StoreError


class Watched:
    """A small object; what it holds is transferred when it is another. For many threads."""

    def __init__(self, objects: Objects, name: str, *, most_bytes: int = 1 << 16) -> None:
        self._objects, self._name, self._most_bytes = objects, name, most_bytes
        self._found: Found | None = None
        self._lock = threading.Lock()

    @property
    def seen(self) -> bytes | None:
        """What it held when it was last looked at; nobody is asked."""
        return None if self._found is None else self._found.content

    def read(self) -> bytes | None:
        """What it holds now, None without it. Raises StoreError."""
        return None if (found := self.look()) is None else found.content

    def look(self) -> Found | None:
        """What it holds now and its tag, None without it. Raises StoreError."""
        with self._lock:
            before = self._found
            found = self._objects.read(
                self._name,
                unlike=None if before is None else before.tag,
                most_bytes=self._most_bytes,
                quick=True,
            )
            if found is not UNCHANGED:
                assert found is None or isinstance(found, Found)
                self._found = found
            return self._found

    def wrote(self, content: bytes, tag: Tag) -> None:
        """Note what this process has written."""
        with self._lock:
            self._found = Found(content, tag)


class BlocklistObject(BlocklistFile):
    """The blocklist as an object, with a copy in the cache for when the store is away."""

    def __init__(self, objects: Objects, name: str, copy: Path) -> None:
        super().__init__(copy)
        self.where = f"{objects.address}/{name}"
        self._object = Watched(objects, name, most_bytes=MAX_BYTES)
        self._content: bytes | None = None
        self._was_read = False

    def read(self) -> Blocklist:
        """The blocklist, the same object while it is the same; empty when there is none.

        While the store is away the first look gives the copy in the cache, where there is one, and
        every further one raises StoreError. Raises UnicodeDecodeError and OSError as for a file.
        """
        first, self._was_read = not self._was_read, True
        try:
            content = self._object.read() or b""
        except StoreError:
            if not first or not self.path.is_file():
                self._was_read = not first
                raise
            return super().read()
        if content != self._content:
            blocklist = self._parsed(content)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(self.path, content)
            self._content = content
            self._blocklist = blocklist
        return self._blocklist
