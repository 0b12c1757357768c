"""What the workers of one service share: a folder that cleaners leave alone, and its files."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Read by prometheus_client when it is imported."""

_PREFIX = "shortlist-"
_LOCK = "lock"
_METRICS = "metrics"
_KINDS = ("counter", "histogram", "gauge_livesum", "gauge_livemin")
"""The files that prometheus_client maps in each worker: one for every type of metric in use."""

RESERVED_BYTES = 1 << 18
"""Of each file: all routes, statuses and stages take a third of it."""

_SPARE_FILES = 200
"""What a worker opens beside connections: the bundle's files, pipes, logs."""

_ABANDONED_S = 60.0


class SharedState:
    """A folder of one running service, removed when it ends.

    It lies where systemd gives one (RUNTIME_DIRECTORY), else in the user's runtime folder or in
    shared memory: none of these is swept by what cleans temporary folders.
    """

    def __init__(self) -> None:
        self.parent = _parent()
        _remove_abandoned(self.parent)
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self.parent))
        # Held by the supervisor and by its workers, which are forked, until the last has ended.
        self._lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.metrics: Path | None = None

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def reserve_numbers(self) -> str | None:
        """Make the files that this worker's numbers are mapped from; returns what is wrong.

        Every page is written: one that a full disk has no room for would end the process when it
        is touched. Where they cannot be had, `metrics` stays None and numbers are this worker's
        own. Before prometheus_client is imported.
        """
        folder = self.folder / _METRICS
        os.environ.pop(METRICS_VARIABLE, None)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for kind in _KINDS:
                (folder / f"{kind}_{os.getpid()}.db").write_bytes(bytes(RESERVED_BYTES))
        except OSError as error:
            self.forget_worker(os.getpid(), kinds=_KINDS)
            return f"{folder}: numbers are of one worker, not of all: {error.strerror}"
        self.metrics = folder
        os.environ[METRICS_VARIABLE] = str(folder)
        return None

    def forget_worker(self, pid: int, *, kinds: tuple[str, ...] = _KINDS[2:]) -> None:
        """Take a dead worker's gauges out of the numbers; what it counted stays."""
        for kind in kinds:
            path = self.folder / _METRICS / f"{kind}_{pid}.db"
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue  # a gauge too many is no reason to end the supervisor


def connections_within(most: int) -> int:
    """How many connections this process can have open: `most`, or as many as files allow.

    The limit of open files is raised as far as it may be.
    """
    limits = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = sys.maxsize
    wanted = min(hard, most + _SPARE_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, limits[1]))
        soft = wanted
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft - _SPARE_FILES))


def _parent() -> Path:
    """The first of these folders that can be written to."""
    named = (
        os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0],
        os.environ.get("XDG_RUNTIME_DIR"),
    )
    for name in (*named, "/dev/shm"):  # noqa: S108  # the folder below it is made by mkdtemp
        if name and os.access(name, os.W_OK | os.X_OK) and Path(name).is_dir():
            return Path(name)
    return Path(tempfile.gettempdir())


def _remove_abandoned(parent: Path) -> None:
    """Remove what a service left that was killed: its lock is free."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            handle = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            continue  # being made, or somebody else's
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - folder.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # in use
        finally:
            os.close(handle)
