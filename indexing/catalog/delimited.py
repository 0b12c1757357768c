"""Reading CSV files: their values as text, within limits, with errors that say the line."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.csv
from typing_extensions import Buffer

from indexing.catalog.limits import Limits
from indexing.catalog.quoting import quoted
from shortlist.errors import CatalogError

_CHUNK = 2**20
_UNBOUNDED = Limits(file_bytes=2**50, line_bytes=2**31 - 1)
_UNREADABLE = (OSError, EOFError, zlib.error)


def csv_header(path: Path, limits: Limits) -> list[str]:
    """The fields of the first line, none for an empty file."""
    with _readable(path):
        return next(_records(path, limits, errors="strict"), (1, []))[1]


def looks_like_table(path: Path, header: Sequence[str], limits: Limits) -> bool:
    """Whether there are several columns, and as many fields in the first record, if there is one.

    A message quotes nothing of any other file: it may be none that its reader should see.
    """
    with _readable(path):
        first = next(iter(csv_records(path, limits)), None)
    return len(header) > 1 and (first is None or len(first[1]) == len(header))


def read_batches(path: Path, columns: Sequence[str], limits: Limits) -> Iterator[pa.RecordBatch]:
    """The named columns as text, a part of the file at a time. Raises CatalogError."""
    convert = pa.csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(columns, pa.string()),
        strings_can_be_null=False,
    )
    parse = pa.csv.ParseOptions(newlines_in_values=True)
    read = pa.csv.ReadOptions(block_size=limits.line_bytes)
    try:
        with _readable(path), _open_bytes(path, limits) as stream:
            yield from pa.csv.open_csv(
                stream, read_options=read, parse_options=parse, convert_options=convert
            )
    except pa.ArrowInvalid as error:
        _explain(path, limits, error)


def _explain(path: Path, limits: Limits, error: pa.ArrowInvalid) -> None:
    """Raise CatalogError with the line of what Arrow refused."""
    with _readable(path):
        _require_utf8(path, limits)
        n_columns = len(csv_header(path, limits))
        for line, record in csv_records(path, limits):
            if len(record) != n_columns:
                raise CatalogError(
                    f"{path}: line {line}: expected {n_columns} fields, found {len(record)}"
                ) from error
            if sum(len(field.encode()) + 1 for field in record) > limits.line_bytes:
                raise _too_long(path, line, limits) from error
    raise CatalogError(f"{path}: cannot be read as CSV: {quoted(str(error))}") from error


def csv_records(path: Path, limits: Limits = _UNBOUNDED) -> Iterator[tuple[int, list[str]]]:
    """Every record after the header that is not blank, and the line it begins on."""
    records = _records(path, limits, errors="replace")
    next(records, None)
    return ((line, record) for line, record in records if record)


def _records(path: Path, limits: Limits, *, errors: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(limits.line_bytes)
    begins = 1
    with _open_text(path, limits, errors=errors) as text:
        reader = csv.reader(_lines(path, text, limits))
        try:
            for record in reader:
                yield begins, record
                begins = reader.line_num + 1
        except csv.Error as error:
            raise CatalogError(
                f"{path}: line {begins}: {error}; is a quotation mark left open?"
            ) from error


def _lines(path: Path, text: io.TextIOWrapper, limits: Limits) -> Iterator[str]:
    most = limits.line_bytes
    for number, line in enumerate(iter(lambda: text.readline(most + 1), ""), 1):
        if len(line) > most:
            raise _too_long(path, number, limits)
        yield line


def _too_long(path: Path, line: int, limits: Limits) -> CatalogError:
    return CatalogError(
        f"{path}: line {line}: more than {limits.line_bytes} bytes; is a quotation mark left open?"
        " Else raise limits.line_bytes in catalog.toml"
    )


def _require_utf8(path: Path, limits: Limits) -> None:
    """Raise CatalogError with the byte offset if the (uncompressed) content is not UTF-8."""
    decoder, begin = codecs.getincrementaldecoder("utf-8")(), 0
    with _open_bytes(path, limits) as stream:
        for chunk in _chunks(stream):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                raise CatalogError(
                    f"{path}: not UTF-8 at byte {begin - pending + error.start}"
                    f" (0x{error.object[error.start]:02x}); convert the file to UTF-8"
                ) from error
            begin += len(chunk)


def _chunks(stream: IO[bytes]) -> Iterable[bytes]:
    """All of the stream, an empty chunk last."""
    yield from iter(lambda: stream.read(_CHUNK), b"")
    yield b""


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise CatalogError for bytes that are not UTF-8 or cannot be had."""
    try:
        yield
    except UnicodeDecodeError as error:
        _require_utf8(path, _UNBOUNDED)
        raise CatalogError(f"{path}: not UTF-8; convert the file to UTF-8") from error
    except _UNREADABLE as error:
        raise CatalogError(f"{path}: cannot be read: {error}") from error


class _Unfolded(io.RawIOBase):
    """The (uncompressed) content of a file; reading more of it than is allowed is an error."""

    def __init__(self, path: Path, limits: Limits) -> None:
        open_binary = gzip.open if path.suffix == ".gz" else Path.open
        self._path, self._stream = path, cast(io.BufferedIOBase, open_binary(path, "rb"))
        self._most = self._left = limits.file_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        n_read = self._stream.readinto(buffer)
        self._left -= n_read
        if self._left < 0:
            raise CatalogError(
                f"{self._path}: unfolds to more than {self._most} bytes; raise limits.file_bytes"
                " in catalog.toml if it should"
            )
        return n_read

    def close(self) -> None:
        self._stream.close()
        super().close()


def _open_bytes(path: Path, limits: Limits) -> IO[bytes]:
    return cast(IO[bytes], io.BufferedReader(_Unfolded(path, limits), _CHUNK))


def _open_text(path: Path, limits: Limits, *, errors: str) -> io.TextIOWrapper:
    stream = _open_bytes(path, limits)
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors=errors, newline="")
