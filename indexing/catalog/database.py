"""Databases in a transaction that sees one moment and changes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from indexing.catalog.addresses import Address, address_of
from indexing.catalog.column_names import columns_found, first_wrong, not_once
from indexing.catalog.drivers import Driver, driver_of, first_of, names_of
from shortlist.errors import CatalogError

QUERY = "the query"
"""As messages call it."""

_ADVICE = "is it there, and are url, user and password right?"
_MOST_SAID = 300
_NOISE = re.compile(
    r"^[A-Z_]+: |\[(?:libpq|SQLite)\] |Failed to [^:]*: |could not begin COPY: "
    r"|Execution error \[\w+\]: |(?:ERROR|FATAL): +|\. SQLSTATE: \w+"
)
"""What drivers put around what a database says."""


@dataclass(frozen=True)
class Database:
    """An open database. What it says in messages is scrubbed of its secrets."""

    address: Address
    driver: Driver
    connection: Any

    @contextmanager
    def answer(self, query: str, columns: Sequence[str]) -> Iterator[pa.RecordBatchReader]:
        """The records of a query as they come, with these columns and maybe others.

        Raises CatalogError for a column that it has not or twice, and for what the database
        refuses, also while records are read.
        """
        with self._refusals("the query fails", "try it in the database's own shell"):
            asked = self._statement(query.strip().removesuffix(";"), columns)
            with self.connection.cursor() as cursor:
                cursor.execute(asked)
                with cursor.fetch_record_batch() as reader:
                    _require_columns(columns, reader.schema.names)
                    yield reader

    def _statement(self, query: str, columns: Sequence[str]) -> str:
        if self.driver.describes:
            with self.connection.cursor() as cursor:
                cursor.execute(first_of(query))
                _require_columns(columns, names_of(cursor.description))
        return self.driver.statement(query, columns)

    def begin(self) -> None:
        """Begin the transaction in which all is read."""
        with self._refusals("cannot be read", "is it a database?"), self.connection.cursor() as one:
            one.executescript(self.driver.begin)  # execute would wait for somebody to read

    def _refusals(self, what: str, advice: str) -> Any:
        return refusals(self.driver, self.address, what, advice)


def _require_columns(columns: Sequence[str], found: list[str]) -> None:
    wrong = first_wrong(columns, found)
    if wrong is not None:
        raise not_once(QUERY, wrong, found, columns_found(found))


@contextmanager
def refusals(driver: Driver, address: Address, what: str, advice: str) -> Iterator[None]:
    """Raise CatalogError for what a driver raises; its own error may hold a password."""
    try:
        yield
    except (driver.module.Error, pa.ArrowException, OSError, UnicodeError) as error:
        said = _said(address.scrubbed(str(error)))
        raise CatalogError(f"{what}: {said}; {advice}") from None


def _said(message: str) -> str:
    """The first line of what the database says."""
    first = _NOISE.sub("", message).strip().split("\n", 1)[0].strip()
    return first if len(first) <= _MOST_SAID else f"{first[:_MOST_SAID]}…"


class Databases:
    """The databases of a catalogue, each opened once and read in one transaction till the end.

    So items, tags and ratings are of one moment, as far as they are in one database.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack = folder, ExitStack()
        self._open: dict[str, Database] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def at(self, url: str) -> Database:
        """The database at a url of catalog.toml. Raises CatalogError when it cannot be had."""
        if url not in self._open:
            self._open[url] = self._opened(address_of(url, self._folder, os.environ))
        return self._open[url]

    def _opened(self, address: Address) -> Database:
        driver = driver_of(address.kind)
        if address.path is not None and not address.path.is_file():
            raise CatalogError(address.scrubbed(f"{address.path}: no such file"))
        with refusals(driver, address, "the database cannot be had", _ADVICE):
            connection = driver.module.connect(address.uri, autocommit=True)
        self._stack.enter_context(connection)
        database = Database(address, driver, connection)
        database.begin()
        return database
