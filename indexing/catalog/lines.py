"""The lines of a text file in its encoding, none longer than is allowed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexing.catalog.encodings import UTF8, require_encoding
from indexing.catalog.limits import UNBOUNDED, Limits
from indexing.catalog.unfolding import open_bytes, readable
from shortlist.errors import CatalogError


@contextmanager
def readable_as(path: Path, encoding: str) -> Iterator[None]:
    """Raise CatalogError for bytes that are not of the encoding or cannot be had."""
    with readable(path):
        try:
            yield
        except UnicodeError as error:
            with open_bytes(path, UNBOUNDED) as stream:
                require_encoding(path, stream, encoding)
            raise CatalogError(f"{path}: not {encoding.upper()}") from error


def open_text(
    path: Path, encoding: str, limits: Limits, *, errors: str = "strict", newline: str = ""
) -> io.TextIOWrapper:
    """The (unpacked) text; a byte order mark is skipped, lines end as `newline` of `open` says."""
    stream = open_bytes(path, limits)
    known = "utf-8-sig" if encoding == UTF8 else encoding
    return io.TextIOWrapper(stream, encoding=known, errors=errors, newline=newline)


def bounded_lines(path: Path, text: io.TextIOWrapper, limits: Limits, hint: str) -> Iterator[str]:
    """The lines with their ends. Raises CatalogError for one that is too long; `hint` says why."""
    most = limits.line_bytes
    for number, line in enumerate(iter(lambda: text.readline(most + 1), ""), 1):
        if len(line) > most:
            raise too_long(path, number, limits, hint)
        yield line


def too_long(path: Path, line: int, limits: Limits, hint: str) -> CatalogError:
    """What is said of a line that is too long."""
    return CatalogError(
        f"{path}: line {line}: more than {limits.line_bytes} bytes; {hint} Else raise"
        " limits.line_bytes in catalog.toml"
    )
