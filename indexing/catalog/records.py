"""What a table's records are read from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby, islice
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from indexing.catalog import dialect
from indexing.catalog.column_names import columns_found, not_once
from indexing.catalog.database import Databases
from indexing.catalog.dialect import Dialect
from indexing.catalog.files import JSON_LINES, PARQUET, paths_of, record_file, require_file
from indexing.catalog.json_lines import JsonLinesFile
from indexing.catalog.limits import UNBOUNDED, Limits
from indexing.catalog.origin import Origin
from indexing.catalog.queries import QueryRecords
from indexing.catalog.sources import RecordsConfig
from indexing.catalog.unfolding import kind_of
from shortlist.errors import CatalogError


class Records(Protocol):
    """What a table is read from."""

    @property
    def origin(self) -> Origin:
        """Where the records come from, for messages."""

    @property
    def null_values(self) -> Sequence[str]:
        """The texts that say that there is no value."""

    def batches(self, columns: Sequence[str], limits: Limits) -> Iterator[pa.RecordBatch]:
        """The named columns, some records at a time. Raises CatalogError."""


@dataclass(frozen=True)
class FileRecords:
    """The records of files, one file after the other; `name` is what messages call them together.

    `n_read` is how many records each file had, as far as they were read.
    """

    name: str
    paths: tuple[Path, ...]
    dialect: Dialect = dialect.DEFAULT
    null_values: tuple[str, ...] = ()
    n_read: list[int] = field(default_factory=list)

    @property
    def origin(self) -> Origin:
        """The files, and the line or row of their records; found by reading them again."""
        return Origin(self.name, self._locate)

    def batches(self, columns: Sequence[str], limits: Limits) -> Iterator[pa.RecordBatch]:
        """The named columns, some records at a time. Raises CatalogError."""
        self.n_read.clear()
        absent = set(columns)
        for path in self.paths:
            require_file(path)
            file = record_file(path, self.dialect, limits)
            file.require(columns)
            self.n_read.append(0)
            for batch in file.batches(columns):
                self.n_read[-1] += len(batch)
                absent -= {name for name in columns if batch.schema.field(name).type != pa.null()}
                yield batch
        self._require_seen([name for name in columns if name in absent])

    def _require_seen(self, absent: Sequence[str]) -> None:
        """Raise CatalogError for a name that no record of JSON lines has: they have no header."""
        files = [record_file(path, self.dialect, UNBOUNDED) for path in self.paths]
        if absent and isinstance(files[0], JsonLinesFile):
            found = files[0].names()
            raise not_once(self.name, absent[0], found, columns_found(found))

    def _locate(self, rows: Sequence[int]) -> list[str]:
        begins = [0, *accumulate(self.n_read)][: len(self.paths)]
        found: list[str] = []
        for place, group in groupby(rows, key=lambda row: bisect_right(begins, row) - 1):
            found += self._places(self.paths[place], [row - begins[place] for row in group])
        return found

    def _places(self, path: Path, rows: Sequence[int]) -> list[str]:
        within = f"{path.name} " if len(self.paths) > 1 else ""
        places = record_file(path, self.dialect, UNBOUNDED).places() if rows else iter(())
        return [f"{within}{place}" for place in chosen(places, rows)]


@dataclass(frozen=True)
class TableRecords:
    """Records that are in memory already; `locate` says where each came from."""

    name: str
    table: pa.Table
    locate: Callable[[Sequence[int]], list[str]]
    null_values: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin:
        """The name, and what `locate` says of a record."""
        return Origin(self.name, self.locate)

    def batches(self, columns: Sequence[str], _limits: Limits) -> Iterator[pa.RecordBatch]:
        """The named columns, all at once."""
        yield from self.table.select(columns).combine_chunks().to_batches()


def records_of(
    config: RecordsConfig, folder: Path, databases: Databases | None = None
) -> FileRecords | QueryRecords:
    """What a table of catalog.toml names; paths start at `folder`. Raises CatalogError."""
    if config.url is not None:
        databases = Databases(folder) if databases is None else databases
        url = config.url.get_secret_value()
        return QueryRecords(config.name, databases, url, config.query, config.null_values)
    paths = paths_of(config.file, folder)
    for path in paths:
        _require_heeded(path, config)
    return FileRecords(_name(config.file, folder), paths, config.dialect, config.null_values)


def _name(named: str | tuple[str, ...], folder: Path) -> str:
    first, *more = [named] if isinstance(named, str) else named
    return f"{folder / first}{f' and {len(more)} more' if more else ''}"


def _require_heeded(path: Path, config: RecordsConfig) -> None:
    """Raise CatalogError for a setting that means nothing in the file's format."""
    kind = kind_of(path)
    of_csv = {"delimiter", "quote"} if kind in JSON_LINES | PARQUET else set()
    of_text = {"encoding"} if kind in PARQUET else set()
    unheeded = sorted((of_csv | of_text) & config.model_fields_set)
    if unheeded:
        raise CatalogError(f"{path}: {unheeded[0]} is not for files of this kind; leave it out")


def of_path(path: Path) -> FileRecords:
    """The records of one file that is written as usual."""
    return FileRecords(str(path), (path,))


def chosen(places: Iterator[str], rows: Sequence[int]) -> list[str]:
    """The places of these records (0-based, rising); what is beyond the last is told by number."""
    found, passed = [], 0
    for row in rows:
        place = next(islice(places, row - passed, None), None)
        found.append(f"record {row + 1}" if place is None else place)
        passed = row + 1
    return found
