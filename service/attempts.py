"""What the workers of one service know of versions: which last served, which ended a process."""

from __future__ import annotations

import logging
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shortlist.bundle.files import write_durably
from shortlist.bundle.manifest import is_version_name
from shortlist.encoder.machine import Precision
from shortlist.engine.snapshot import LoadOptions, load_snapshot
from shortlist.errors import ShortlistError

log = logging.getLogger(__name__)

_LAST_GOOD = "last-good"
_LOADING = "loading-"


class Attempts:
    """Notes in a folder that the workers of one service share; none are kept without one.

    Not being able to write one is no reason to stop.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def last_good(self) -> str | None:
        """The version that last passed in some worker."""
        try:
            text = (self._folder / _LAST_GOOD).read_text(encoding="ascii") if self._folder else ""
        except (OSError, UnicodeDecodeError):
            return None
        return text.strip() if is_version_name(text.strip()) else None

    def passed(self, version: str) -> None:
        """Note a version that is in use."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(exist_ok=True)
            write_durably(self._folder / _LAST_GOOD, f"{version}\n".encode())
        except OSError as error:
            log.warning("%s cannot be written: %s", self._folder / _LAST_GOOD, error)

    @contextmanager
    def loading(self, version: str) -> Iterator[None]:
        """Note that this process is loading a version: the note outlives the process."""
        note = self._folder and self._folder / f"{_LOADING}{version}-{os.getpid()}"
        with suppress(OSError):
            if note:
                note.touch()
        yield
        with suppress(OSError):
            for old in self._notes(version):  # also those of processes that ended in it by chance
                if old == note or not _is_alive(_pid_of(old)):
                    old.unlink(missing_ok=True)

    def ended_a_process(self, version: str) -> bool:
        """Whether a process that was loading this version is gone without having come to an end."""
        return any(not _is_alive(_pid_of(note)) for note in self._notes(version))

    def _notes(self, version: str) -> list[Path]:
        return list(self._folder.glob(f"{_LOADING}{version}-*")) if self._folder else []


def _pid_of(note: Path) -> int:
    return int(note.name.rpartition("-")[2])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def try_apart(folder: Path, options: LoadOptions, *, within_s: float) -> str | None:
    """Load a version in a process of its own, which may die of it; returns what is wrong."""
    limit = str(math.ceil(within_s) + 1)
    command = [sys.executable, "-m", "service.attempts", str(folder), options.precision, limit]
    try:
        done = subprocess.run(  # noqa: S603  # this program again
            command, capture_output=True, text=True, timeout=within_s, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it was not loaded within {within_s:g} s by a process of its own"
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return f"a process of its own that loaded it was ended by {name}"
    return None if done.returncode == 0 else (done.stderr.splitlines() or ["it failed"])[-1]


def main(folder: str, precision: str, limit: str) -> str | None:
    """Load a version; returns what is wrong with it.

    The process ends after so many seconds, also when nobody waits for it any more.
    """
    signal.alarm(int(limit))
    try:
        load_snapshot(Path(folder), LoadOptions(precision=Precision(precision)))
    except ShortlistError as error:
        return str(error)
    except BaseException as error:  # a panic of a library is no Exception
        return f"loading failed: {type(error).__name__}"
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
