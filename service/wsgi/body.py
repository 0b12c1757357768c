"""A body that announces no length, and how much of it may be read."""

from __future__ import annotations

from collections.abc import Iterator
from wsgiref.types import InputStream

from shortlist.errors import ContentTooLarge


def too_large(most_bytes: int) -> str:
    """What a client is told whose body has more bytes."""
    return f"expected a body of at most {most_bytes} bytes"


class LimitedBody:
    """A body that announces no length; reading more bytes of it than allowed fails.

    Raises ContentTooLarge then. Werkzeug's own limit hands out the allowed part instead, as if
    it were the whole.
    """

    def __init__(self, stream: InputStream, most_bytes: int) -> None:
        self._stream = stream
        self._most_bytes = most_bytes
        self._left = most_bytes

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, all without a size."""
        return self._counted(self._stream.read(self._asked(size)))

    def readline(self, size: int = -1, /) -> bytes:
        """The next line, or so much of it."""
        return self._counted(self._stream.readline(self._asked(size)))

    def readlines(self, hint: int = -1, /) -> list[bytes]:
        """The lines left, until they are `hint` bytes together."""
        lines, n_bytes = list[bytes](), 0
        for line in self:
            lines.append(line)
            n_bytes += len(line)
            if 0 < hint <= n_bytes:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _asked(self, size: int | None) -> int:
        """Never more than one byte too many: that is enough to know."""
        return self._left + 1 if size is None or size < 0 else min(size, self._left + 1)

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise ContentTooLarge(too_large(self._most_bytes))
        return data
