"""The files that catalog.toml names, each read as what its name says it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from indexing.catalog.delimited import CsvFile
from indexing.catalog.dialect import Dialect
from indexing.catalog.limits import Limits
from indexing.catalog.parquet import ParquetFile
from indexing.catalog.unfolding import kind_of
from shortlist.errors import CatalogError

PARQUET = {".parquet", ".pq"}
"""What a file's name ends with that is read as Parquet; what is not known is read as CSV."""


class RecordFile(Protocol):
    """A file of records, in one of the formats."""

    def require(self, columns: Sequence[str]) -> None:
        """Raise CatalogError for a column that is missing."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The named columns, a part of the file at a time. Raises CatalogError."""

    def places(self) -> Iterator[str]:
        """Where each record stands in the file; reads it again."""


def record_file(path: Path, dialect: Dialect, limits: Limits) -> RecordFile:
    """The file in the format that its name tells."""
    if kind_of(path) in PARQUET:
        return ParquetFile(path, limits)
    return CsvFile(path, dialect.of(path), limits)


def require_file(path: Path) -> None:
    """Raise CatalogError unless there is such a file."""
    try:
        is_file = path.is_file()
    except OSError as error:  # a name that no file system takes
        raise CatalogError(f"{path}: cannot be read: {error.strerror}") from error
    if not is_file:
        raise CatalogError(f"{path}: no such file")
