"""The journal: every move of CURRENT, written before and after it happens."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from shortlist.bundle.files import POINTER_MODE, open_regular, sync
from shortlist.bundle.manifest import format_time
from shortlist.errors import BundleCorrupt, PublishError

ROLLBACK = "rollback"


class Event(StrEnum):
    """What an entry says of a move: it is meant, CURRENT is replaced, all is done, or given up."""

    INTENT = "intent"
    MOVE = "move"
    DONE = "done"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class Entry:
    """One line of the journal; `source` and `target` are versions, `source` None at the first."""

    time: str
    event: Event
    source: str | None
    target: str
    why: str


class Journal:
    """An append-only file of JSON lines. A line cut off by a crash is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, event: Event, *, source: str | None, target: str, why: str) -> None:
        """Write one entry durably. Raises PublishError when it cannot be written."""
        entry = Entry(format_time(datetime.now(UTC)), event, source, target, why)
        line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
        try:
            self._write(line.encode())
        except OSError as error:
            raise PublishError(f"{self._path}: cannot be written: {error.strerror}") from error

    def _write(self, line: bytes) -> None:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, POINTER_MODE)
        try:
            end = os.fstat(handle).st_size
            if not end:
                os.fchmod(handle, POINTER_MODE)  # whatever the umask
            cut_off = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
            rest = (b"\n" if cut_off else b"") + line
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        sync(self._path.parent)

    def entries(self) -> list[Entry]:
        """All entries, oldest first. Raises BundleCorrupt when it is there and cannot be read."""
        lines = self._content().decode("utf-8", errors="replace").splitlines()
        return [entry for line in lines if (entry := parse_entry(line)) is not None]

    def _content(self) -> bytes:
        """All lines, none without the file."""
        try:
            with open_regular(self._path) as stream:
                return stream.read()
        except (FileNotFoundError, NotADirectoryError):
            return b""
        except OSError as error:
            raise BundleCorrupt(f"{self._path}: cannot be read: {error}") from error

    def open_intent(self) -> Entry | None:
        """The last move if it was neither done nor abandoned."""
        entries = self.entries()
        if not entries or entries[-1].event in {Event.DONE, Event.ABANDONED}:
            return None
        return entries[-1]

    def published(self) -> list[str]:
        """Every version it speaks of, in the order in which it first did."""
        named = (one for entry in self.entries() for one in (entry.source, entry.target))
        return list(dict.fromkeys(one for one in named if one is not None))

    def last_live(self) -> list[str]:
        """The versions that were live, in the order in which they last were; the live one last."""
        order: dict[str, None] = {}
        for entry in self.entries():
            for version in (entry.source, entry.target) if entry.event is Event.DONE else ():
                if version is not None:
                    order.pop(version, None)
                    order[version] = None
        return list(order)

    def history(self) -> list[str]:
        """The versions that led to the live one, oldest first; a rollback takes back what it left.

        After publishing A, B and C and rolling back once it is A, B.
        """
        path: list[str] = []
        for entry in self.entries():
            if entry.event is not Event.DONE:
                continue
            if entry.why.startswith(ROLLBACK) and entry.target in path:
                del path[path.index(entry.target) + 1 :]
            else:
                path.append(entry.target)
        return path

    def before(self, current: str | None, *, existing: Collection[str]) -> str | None:
        """The version that was live before this one, of those that still exist."""
        path = [version for version in self.history() if version in existing]
        while current in path and path.pop() != current:
            pass
        return next((version for version in reversed(path) if version != current), None)


def parse_entry(line: str) -> Entry | None:
    """The entry in a line, None where there is none."""
    try:
        raw = json.loads(line)
        entry = Entry(**{**raw, "event": Event(raw["event"])})
    except (ValueError, TypeError, KeyError):
        return None
    texts = isinstance(entry.target, str) and isinstance(entry.source, str | None)
    return entry if texts else None
