"""The records of a table that a database is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from indexing.catalog.arrow_values import plain, require_readable
from indexing.catalog.database import QUERY, Databases
from indexing.catalog.limits import Limits
from indexing.catalog.origin import Origin
from indexing.catalog.quoting import quoted
from indexing.catalog.unfolding import too_large
from shortlist.errors import CatalogError

_KIND = b"POSTGRESQL:type"
_CAST = {b"money": "numeric", b"interval": "text"}
"""Types of PostgreSQL that come as something else than they are, and what a query casts them to."""


@dataclass(frozen=True)
class QueryRecords:
    """What a query gives, in its order; `table` is the table of catalog.toml that names it."""

    table: str
    databases: Databases
    url: str = field(repr=False)
    query: str
    null_values: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin:
        """The table, and the row of the query."""
        return Origin(
            f"[{self.table}]", lambda rows: [f"row {row + 1} of the query" for row in rows]
        )

    def batches(self, columns: Sequence[str], limits: Limits) -> Iterator[pa.RecordBatch]:
        """The named columns, some records at a time. Raises CatalogError."""
        left = limits.file_bytes
        with self._named(), self.databases.at(self.url).answer(self.query, columns) as reader:
            _require_types(reader.schema, columns)
            for batch in reader:
                found = {name: plain(QUERY, batch.column(name), left, limits) for name in columns}
                left -= sum(column.nbytes for column in found.values())
                if left < 0:
                    raise too_large(QUERY, limits)
                yield pa.RecordBatch.from_pydict(found)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Put the table's name before what is wrong."""
        try:
            yield
        except CatalogError as error:
            raise CatalogError(f"{self.origin}: {error}") from error


def _require_types(schema: pa.Schema, columns: Sequence[str]) -> None:
    """Raise CatalogError unless these columns are of types that a table can have."""
    for asked in map(schema.field, columns):
        cast = _CAST.get((asked.metadata or {}).get(_KIND, b""))
        if cast is not None:
            raise CatalogError(f"{QUERY}: column {quoted(asked.name)}: cast it to {cast} there")
        require_readable(QUERY, asked.name, asked.type)
