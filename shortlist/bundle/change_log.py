"""The change log: changes that were acknowledged, in their order, until a version has them."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shortlist.bundle.changes import Change, Op
from shortlist.bundle.files import POINTER_MODE, make_folder, open_regular, sync, write_durably
from shortlist.bundle.manifest import Manifest, Span, format_time
from shortlist.errors import BundleCorrupt, PublishError

FOLDER = "changes"
LOG = "log"
"""The name under which a version says how far it has this log."""

_PREFIX, _SUFFIX = "log-", ".jsonl"
_LOCK, _REFUSED, _THROUGH = ".lock", "refused.jsonl", "through"
_MOST_BYTES = 64 << 20
"""From so many bytes on a file gets no more records: another one begins."""

_MOST_REFUSED_BYTES = 1 << 20
_TAIL = 1 << 16


@dataclass(frozen=True)
class Record:
    """Changes that were acknowledged together, under one sequence number, 1 and up."""

    sequence: int
    time: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Refusal:
    """A record that was acknowledged and could not be applied, and why, by the name of its part."""

    sequence: int
    problems: Mapping[str, str]


def has_change(manifest: Manifest, sequence: int) -> bool:
    """Whether a version has a change of the log: it has come so far, and it was not rolled back."""
    spans = manifest.taken_back
    is_taken_back = any(first <= sequence <= last for first, last in spans)
    return sequence <= manifest.applied.get(LOG, 0) and not is_taken_back


def passed_over(manifest: Manifest, through: int) -> tuple[Span, ...]:
    """What a version that follows this one will not have, though all `through` was dealt with."""
    applied = manifest.applied.get(LOG, 0)
    return ((applied + 1, through),) if through > applied else ()


class ChangeLog:
    """The log of an artifacts folder, in files of JSON lines that begin at a sequence number.

    Any number of processes may append. What `append` has returned is on the disk: a line that a
    crash cut off was never acknowledged, and is removed before the next one is written.
    """

    def __init__(self, artifacts: Path) -> None:
        self._folder = artifacts / FOLDER

    def append(self, changes: Iterable[Change], *, beyond: int = 0) -> int:
        """Add a record and return its sequence number once it cannot be lost.

        The number is greater than `beyond`, how far the live version has come. Raises PublishError
        when it cannot be written; the log is then as it was.
        """
        encoded = _encoded(changes)
        try:
            make_folder(self._folder)
            with self._only_writer():
                return self._append(encoded, beyond)
        except OSError as error:
            raise PublishError(f"{self._folder}: cannot be written: {error.strerror}") from error

    def _append(self, changes: bytes, beyond: int) -> int:
        files = self._files()
        last = self._last_of(files[-1]) if files else 0
        sequence = 1 + max(last, self.through(), beyond)
        path = files[-1] if files else self._path(sequence)
        if files and path.stat().st_size >= _MOST_BYTES:
            path = self._path(sequence)
        time = format_time(datetime.now(UTC))
        head = f'{{"sequence": {sequence}, "time": "{time}", "changes": ['.encode()
        is_new = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT, POINTER_MODE)
        try:
            end = _end_of_lines(handle)
            os.ftruncate(handle, end)
            try:
                _write_all(handle, head + changes + b"]}\n", end)
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, end)
                raise
        finally:
            os.close(handle)
        if is_new:
            sync(self._folder)
        return sequence

    def last(self) -> int:
        """The sequence number of the last record, 0 for an empty log."""
        files = self._files()
        return self._last_of(files[-1]) if files else 0

    def after(self, sequence: int) -> Iterator[Record]:
        """The records behind this sequence number, in their order.

        Raises BundleCorrupt for a line that is none of the log's.
        """
        files = self._files()
        begins = [_begin_of(path) for path in files]
        for place, path in enumerate(files):
            if place + 1 < len(files) and begins[place + 1] <= sequence + 1:
                continue
            for number, line in enumerate(_whole_lines(path), 1):
                record = _decoded(path, number, line)
                if record.sequence > sequence:
                    yield record

    def through(self) -> int:
        """The last sequence number that was dealt with: it is in some version, or was refused."""
        try:
            return int((self._folder / _THROUGH).read_text("ascii"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise BundleCorrupt(
                f"{self._folder / _THROUGH}: no sequence number: {error}"
            ) from error

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Note what was refused. Raises PublishError when that cannot be written."""
        try:
            self._note(refusals)
        except OSError as error:
            raise PublishError(f"{self._folder}: cannot be written: {error.strerror}") from error

    def done(self, sequence: int) -> None:
        """Note how far the log was dealt with, and remove the files that are behind that.

        Raises PublishError when that cannot be written.
        """
        try:
            make_folder(self._folder)
            write_durably(self._folder / _THROUGH, f"{sequence}\n".encode())
            for path, behind in zip(self._files(), self._files()[1:], strict=False):
                if _begin_of(behind) <= sequence + 1:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise PublishError(f"{self._folder}: cannot be written: {error.strerror}") from error

    def _note(self, refusals: Sequence[Refusal]) -> None:
        """Behind the last whole line; of a file that grows the older half is let go."""
        path = self._folder / _REFUSED
        known = list(_whole_lines(path)) if path.exists() else []
        if sum(map(len, known)) > _MOST_REFUSED_BYTES:
            known = known[len(known) // 2 :]
        plain = ({"sequence": one.sequence, "problems": one.problems} for one in refusals)
        new = [f"{json.dumps(one)}\n".encode() for one in plain]
        write_durably(path, b"".join([*known, *(one for one in new if one not in known)]))

    def refusal(self, sequence: int) -> Refusal | None:
        """Why a record was refused, None for one that was not, or long ago."""
        path = self._folder / _REFUSED
        begin = f'{{"sequence": {sequence}, '.encode()
        for line in _whole_lines(path) if path.exists() else ():
            if line.startswith(begin):
                return Refusal(sequence, json.loads(line)["problems"])
        return None

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"{_PREFIX}*{_SUFFIX}"))

    def _path(self, first: int) -> Path:
        return self._folder / f"{_PREFIX}{first:012}{_SUFFIX}"

    def _last_of(self, path: Path) -> int:
        """The sequence number of a file's last whole line; without one, what stands before it."""
        with path.open("rb") as stream:
            end = _end_of_lines(stream.fileno())
            line = _line_before(stream.fileno(), end)
        return _decoded(path, 0, line).sequence if line else _begin_of(path) - 1

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        handle = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _encoded(changes: Iterable[Change]) -> bytes:
    """Changes as JSON, each by itself: other threads wait while one is encoded."""
    lines = (json.dumps(one.to_dict(), ensure_ascii=False, allow_nan=False) for one in changes)
    return b", ".join(line.encode() for line in lines)


def _begin_of(path: Path) -> int:
    return int(path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX))


def _end_of_lines(handle: int) -> int:
    """Behind the last line break: what stands there was cut off."""
    end = os.fstat(handle).st_size
    while end > 0:
        begin = max(0, end - _TAIL)
        found = os.pread(handle, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _line_before(handle: int, end: int) -> bytes:
    """The line that ends here, without its break; empty at the beginning."""
    begin, line = max(0, end - 1), b""
    while begin > 0:
        start = max(0, begin - _TAIL)
        part = os.pread(handle, begin - start, start)
        found = part.rfind(b"\n")
        line = part[found + 1 :] + line
        if found >= 0:
            break
        begin = start
    return line


def _write_all(handle: int, content: bytes, begin: int) -> None:
    written = 0
    while written < len(content):
        written += os.pwrite(handle, content[written:], begin + written)


def _whole_lines(path: Path) -> Iterator[bytes]:
    with open_regular(path) as stream:
        yield from (line for line in stream if line.endswith(b"\n"))


def _decoded(path: Path, number: int, line: bytes) -> Record:
    try:
        plain: dict[str, Any] = json.loads(line)
        changes = tuple(_change(one) for one in plain["changes"])
        return Record(int(plain["sequence"]), str(plain["time"]), changes)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleCorrupt(f"{path}: line {number}: no record of changes: {error!r}") from error


def _change(plain: dict[str, Any]) -> Change:
    """A change of the log, which was checked before it was written."""
    op = Op(plain["op"])
    values = plain["item"] if op is Op.UPSERT else plain.get("set", {})
    return Change(op, plain["item_id"], values)
