"""File locks: who writes the artifacts folder, and which versions are in use."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shortlist.bundle import layout
from shortlist.bundle.files import make_folder
from shortlist.errors import BundleMissing, PublishError


class Hold:
    """A version in use: as long as this object lives, no other process prunes it."""

    def __init__(self, folder: Path) -> None:
        self._handle = -1
        try:
            self._handle = os.open(folder / layout.MANIFEST, os.O_RDONLY | os.O_NOFOLLOW)
            fcntl.flock(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise BundleMissing(f"{folder}: not there, or being removed: {error}") from error

    def release(self) -> None:
        """Let the version go; done by itself when the object is collected."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __del__(self) -> None:
        self.release()


@contextmanager
def free_to_remove(folder: Path) -> Iterator[bool]:
    """Whether nobody holds the version; nobody can begin to as long as the block runs."""
    try:
        handle = os.open(folder / layout.MANIFEST, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        yield True
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


_AGAIN_S = 0.02
BRIEFLY_S = 60.0
"""So long others wait for a writer that holds the lock briefly, again and again."""


@contextmanager
def only_writer(root: Path, *, briefly: bool = False) -> Iterator[None]:
    """Be the only writer of an artifacts folder; `briefly` says that others may wait for it.

    Raises PublishError saying who is, when somebody else is.
    """
    try:
        make_folder(root)
        handle = os.open(root / layout.LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise PublishError(f"{root}: cannot be written: {error.strerror}") from error
    try:
        _take(handle, root, briefly=briefly)
        yield
    finally:
        os.close(handle)


def _take(handle: int, root: Path, *, briefly: bool) -> None:
    given_up = time.monotonic() + (0.0 if briefly else BRIEFLY_S)
    while not _is_taken(handle):
        holder = os.pread(handle, 200, 0).decode(errors="replace").strip()
        if '"briefly": true' not in holder or time.monotonic() > given_up:
            raise PublishError(
                f"{root}: somebody else is writing here: {holder or 'an unknown process'}"
            )
        time.sleep(_AGAIN_S)
    who = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "briefly": briefly})
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{who}\n".encode(), 0)
    except OSError as error:
        raise PublishError(f"{root}: cannot be written: {error.strerror}") from error


def _is_taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
