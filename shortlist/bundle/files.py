"""Durable writes: adjacent temporary file, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from shortlist.errors import PublishError

FOLDER_MODE, FILE_MODE, POINTER_MODE = 0o755, 0o444, 0o644
"""Of folders, of a version's files, of CURRENT and JOURNAL: a service may be another user's."""


def open_regular(path: Path) -> BinaryIO:
    """The file for reading. Raises OSError for anything but a file: a pipe would be waited for."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path}: not a regular file")
    return os.fdopen(handle, "rb")


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file so that any reader, also after a crash, sees the old or the new content."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), POINTER_MODE)
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Fsync a file or folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def settle_tree(folder: Path) -> None:
    """Give every file and folder of a version its mode, whatever the umask, and fsync them all.

    A file with that mode that has another name too is linked from a version where this was done.
    """
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            found = path.stat()
            if found.st_nlink == 1 or stat.S_IMODE(found.st_mode) != FILE_MODE:
                path.chmod(FILE_MODE)
                sync(path)
        Path(parent).chmod(FOLDER_MODE)
        sync(Path(parent))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, for everybody to read; what exists stays as it is."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        each.chmod(FOLDER_MODE)


@contextmanager
def writable(root: Path) -> Iterator[None]:
    """Raises PublishError, naming the artifacts folder, where something cannot be written."""
    try:
        yield
    except OSError as error:
        raise PublishError(f"{root}: cannot be written: {error.strerror or error}") from error


def discard(leftover: Path) -> None:
    """Remove a file or folder that no reader knows. Raises PublishError."""
    with writable(leftover.parent):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)
