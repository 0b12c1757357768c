"""What a table's records are read from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby, islice
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from indexing.catalog import dialect
from indexing.catalog.dialect import Dialect
from indexing.catalog.files import record_file, require_file
from indexing.catalog.limits import UNBOUNDED, Limits
from indexing.catalog.origin import Origin
from indexing.catalog.sources import RecordsConfig


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
        for path in self.paths:
            require_file(path)
            file = record_file(path, self.dialect, limits)
            file.require(columns)
            self.n_read.append(0)
            for batch in file.batches(columns):
                self.n_read[-1] += len(batch)
                yield batch

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


def records_of(config: RecordsConfig, folder: Path) -> FileRecords:
    """What a table of catalog.toml names; paths start at `folder`."""
    path = folder / config.file
    return FileRecords(str(path), (path,), config.dialect, config.null_values)


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
