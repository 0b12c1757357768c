"""Reading CSV files: their values as text, within limits, with errors that say the line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from indexing.catalog.column_names import columns_found, first_wrong, no_table, not_once
from indexing.catalog.dialect import DELIMITERS, Dialect
from indexing.catalog.encodings import UTF8, require_encoding
from indexing.catalog.limits import UNBOUNDED, Limits
from indexing.catalog.lines import bounded_lines, open_text, readable_as, too_long
from indexing.catalog.quoting import quoted
from indexing.catalog.unfolding import open_bytes, readable
from shortlist.errors import CatalogError

_HINT = "is a quotation mark left open?"


@dataclass(frozen=True)
class CsvFile:
    """A CSV file, its first line a header; every value is text exactly as it stands, none is ""."""

    path: Path
    dialect: Dialect
    limits: Limits

    def require(self, columns: Sequence[str]) -> None:
        """Raise CatalogError unless its header has each of these columns once."""
        found = self.header()
        wrong = first_wrong(columns, found)
        if wrong is not None:
            raise not_once(self.path, wrong, found, self._shown(found))

    def _shown(self, found: list[str]) -> str:
        """What a message says of the header; nothing is quoted of what looks like no table's.

        It may be a file that its reader should not see.
        """
        if not found or self._looks_like_table():
            return columns_found(found)
        of_one = (one for one in self.dialect.others() if len(found) == 1)
        fits = (one for one in of_one if replace(self, dialect=one)._looks_like_table())
        better = next((one.delimiter for one in fits if one.delimiter is not None), None)
        if better is None:
            return no_table(found)
        return (
            f"its header came as one column and looks parted by {DELIMITERS[better]}: say"
            f' delimiter = "{better if better.isprintable() else chr(92) + "t"}" in catalog.toml'
        )

    def _looks_like_table(self) -> bool:
        """Whether there are several columns, and as many fields in the first record, if any."""
        header = self.header()
        first = next(self.records(), None)
        return len(header) > 1 and (first is None or len(first[1]) == len(header))

    def header(self) -> list[str]:
        """The fields of the first line, none for an empty file."""
        with readable_as(self.path, self.dialect.encoding):
            return next(_records(self, errors="strict"), (1, []))[1]

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Every record after the header that is not blank, and the line it begins on."""
        with readable_as(self.path, self.dialect.encoding):
            records = _records(self, errors="replace")
            next(records, None)
            yield from ((line, record) for line, record in records if record)

    def places(self) -> Iterator[str]:
        """Where each record stands: "line 2"."""
        return (f"line {line}" for line, _ in replace(self, limits=UNBOUNDED).records())

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The named columns, a part of the file at a time. Raises CatalogError."""
        convert = pa.csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
        )
        path, encoding, parse = self.path, self.dialect.encoding, self.dialect.of_arrow
        read = pa.csv.ReadOptions(block_size=self.limits.line_bytes, encoding=_of_arrow(encoding))
        try:
            with readable_as(path, encoding), open_bytes(path, self.limits) as stream:
                yield from pa.csv.open_csv(
                    stream, read_options=read, parse_options=parse, convert_options=convert
                )
        except pa.ArrowInvalid as error:
            raise _explained(self, error) from error


def _of_arrow(encoding: str) -> str:
    return "utf8" if encoding == UTF8 else encoding


def _explained(file: CsvFile, error: pa.ArrowInvalid) -> CatalogError:
    """What Arrow refused, with its line."""
    with readable(file.path):
        _require_encoding(file)
        n_columns = len(file.header())
        for line, record in file.records():
            if len(record) != n_columns:
                return CatalogError(
                    f"{file.path}: line {line}: expected {n_columns} fields, found {len(record)}"
                )
            if sum(len(field.encode()) + 1 for field in record) > file.limits.line_bytes:
                return too_long(file.path, line, file.limits, _HINT)
    return CatalogError(f"{file.path}: cannot be read as CSV: {quoted(str(error))}")


def _records(file: CsvFile, *, errors: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(file.limits.line_bytes)
    path, encoding, limits = file.path, file.dialect.encoding, file.limits
    begins = 1
    with open_text(path, encoding, limits, errors=errors) as text:
        reader = csv.reader(bounded_lines(path, text, limits, _HINT), **file.dialect.of_csv)
        try:
            for record in reader:
                yield begins, record
                begins = reader.line_num + 1
        except csv.Error as error:
            raise CatalogError(f"{path}: line {begins}: {error}; {_HINT}") from error


def _require_encoding(file: CsvFile) -> None:
    with open_bytes(file.path, file.limits) as stream:
        require_encoding(file.path, stream, file.dialect.encoding)
