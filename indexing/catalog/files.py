"""The files that catalog.toml names, each read as what its name says it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from indexing.catalog.delimited import CsvFile
from indexing.catalog.dialect import Dialect
from indexing.catalog.json_lines import JsonLinesFile
from indexing.catalog.limits import Limits
from indexing.catalog.parquet import ParquetFile
from indexing.catalog.unfolding import kind_of
from shortlist.errors import CatalogError

PARQUET = {".parquet", ".pq"}
JSON_LINES = {".jsonl", ".ndjson"}
"""What a file's name ends with, without .gz or .zst, in these formats; any other is CSV."""

_PATTERN = set("*?[")


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
    if kind_of(path) in JSON_LINES:
        return JsonLinesFile(path, dialect.encoding, limits, dialect.decimal)
    return CsvFile(path, dialect.of(path), limits)


def require_file(path: Path) -> None:
    """Raise CatalogError unless there is such a file."""
    if not path.is_file():
        raise CatalogError(f"{path}: no such file")


def paths_of(named: str | tuple[str, ...], folder: Path) -> tuple[Path, ...]:
    """The files that are named, in this order: one, those of a pattern or of a folder sorted.

    A folder stands for its Parquet files. Raises CatalogError for a name without a file, and for a
    file that is named twice.
    """
    entries = [named] if isinstance(named, str) else named
    paths = tuple(path for entry in entries for path in _paths(folder / entry, entry, folder))
    twice = next((path for path, n_named in Counter(paths).items() if n_named > 1), None)
    if twice is not None:
        raise CatalogError(f"{twice}: named twice; its records would count twice")
    return paths


def _paths(path: Path, entry: str, folder: Path) -> list[Path]:
    try:
        if path.is_file():
            return [path]
        if path.is_dir():
            return _parts(path)
    except OSError as error:  # a name that no file system takes
        raise CatalogError(f"{path}: cannot be read: {error.strerror}") from error
    if not _PATTERN & set(entry):
        raise CatalogError(f"{path}: no such file")
    files = _matching(path, entry, folder)
    if not files:
        raise CatalogError(f"{path}: no file has such a name")
    return files


def _matching(path: Path, pattern: str, folder: Path) -> list[Path]:
    anchor = Path(pattern).anchor
    root, relative = (Path(anchor), pattern[len(anchor) :]) if anchor else (folder, pattern)
    try:
        return sorted(one for one in root.glob(relative) if one.is_file())
    except ValueError as error:
        raise CatalogError(f"{path}: {error}") from error


def _parts(folder: Path) -> list[Path]:
    parts = sorted(one for one in folder.iterdir() if kind_of(one) in PARQUET and one.is_file())
    parts = [one for one in parts if not one.name.startswith((".", "_"))]
    if not parts:
        raise CatalogError(
            f"{folder}: a folder without Parquet files; name other files by a pattern, as"
            f' "{folder.name}/*.csv"'
        )
    return parts
