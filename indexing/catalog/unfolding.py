"""The bytes of a file, unpacked if it is packed, and no more of them than is allowed."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
from typing_extensions import Buffer

from indexing.catalog.limits import Limits
from shortlist.errors import CatalogError

_CHUNK = 2**20
_PACKED = {".gz", ".zst"}
_UNREADABLE = (OSError, EOFError, zlib.error)


def kind_of(path: Path) -> str:
    """What the file's name ends with, in small letters and without .gz or .zst: ".csv"."""
    plain = path.with_suffix("") if path.suffix.lower() in _PACKED else path
    return plain.suffix.lower()


def open_bytes(path: Path, limits: Limits) -> IO[bytes]:
    """The (unpacked) content; reading more of it than `file_bytes` raises CatalogError."""
    return cast(IO[bytes], io.BufferedReader(_Unfolded(path, limits), _CHUNK))


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """All of the stream in parts of a megabyte, an empty one last."""
    yield from iter(lambda: stream.read(_CHUNK), b"")
    yield b""


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise CatalogError for bytes that cannot be had."""
    try:
        yield
    except _UNREADABLE as error:
        raise CatalogError(f"{path}: cannot be read: {error}") from error


def too_large(path: object, limits: Limits) -> CatalogError:
    """What is said of a file that unfolds to more than is allowed."""
    return CatalogError(
        f"{path}: unfolds to more than {limits.file_bytes} bytes; raise limits.file_bytes in"
        " catalog.toml if it should"
    )


def _open_plain(path: Path) -> io.BufferedIOBase:
    match path.suffix.lower():
        case ".gz":
            return cast(io.BufferedIOBase, gzip.open(path, "rb"))
        case ".zst":
            packed = pa.CompressedInputStream(pa.OSFile(str(path), "rb"), "zstd")
            return cast(io.BufferedIOBase, packed)
    return path.open("rb")


class _Unfolded(io.RawIOBase):
    """The unpacked content of a file; reading more of it than is allowed is an error."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._stream, self._limits = path, _open_plain(path), limits
        self._left = limits.file_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        n_read = self._stream.readinto(buffer)
        self._left -= n_read
        if self._left < 0:
            raise too_large(self._path, self._limits)
        return n_read

    def close(self) -> None:
        self._stream.close()
        super().close()
