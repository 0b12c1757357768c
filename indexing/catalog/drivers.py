"""How each kind of database is asked, through its ADBC driver."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from indexing.catalog.addresses import POSTGRESQL
from shortlist.errors import CatalogError

Statement = Callable[[str, Sequence[str]], str]


@dataclass(frozen=True)
class Driver:
    """A driver's module (PEP 249), what begins a transaction of one moment, and how to ask.

    `statement` makes of a query and the columns that are wanted what the database is asked;
    `describes` says whether it must be known before which columns there are.
    """

    module: Any
    begin: str
    statement: Statement
    describes: bool


def driver_of(kind: str) -> Driver:
    """The driver, loaded. Raises CatalogError if it is not installed."""
    try:
        return _postgresql() if kind == POSTGRESQL else _sqlite()
    except ImportError as error:
        raise CatalogError(
            f"to read {kind} its driver must be installed: pip install shortlist[databases]"
        ) from error


def _postgresql() -> Driver:
    import adbc_driver_postgresql.dbapi as module

    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    return Driver(module, begin, lambda query, _: f"{query}\n", describes=False)


def _sqlite() -> Driver:
    import adbc_driver_sqlite.dbapi as module

    return Driver(module, "BEGIN", _texts, describes=True)


def first_of(query: str) -> str:
    """A query with the columns of another and no row."""
    return f"SELECT * FROM (\n{query}\n) LIMIT 0"  # noqa: S608  # catalog.toml's own query


def names_of(description: Sequence[Sequence[str]]) -> list[str]:
    """The columns of such a query; of two with one name SQLite calls the second name:1 there."""
    names = [column[0] for column in description]
    plain = [re.sub(r":\d+$", "", name) for name in names]
    return [short if short in names else name for name, short in zip(names, plain, strict=True)]


def _texts(query: str, columns: Sequence[str]) -> str:
    """Every value as text, none as "".

    A column of SQLite may hold anything, and its driver takes the type of the first rows for that
    of all. A number is written with as many digits as make it again.
    """
    return f"SELECT {', '.join(map(_text, columns))} FROM (\n{query}\n) AS q"  # noqa: S608  # as above, names quoted


def _text(column: str) -> str:
    name = '"' + column.replace('"', '""') + '"'
    value = f"q.{name}"  # without the q, a name that is none would be a text
    short = f"printf('%!.15g', {value})"
    return (
        f"CASE typeof({value}) WHEN 'null' THEN '' WHEN 'real' THEN CASE WHEN"
        f" CAST({short} AS REAL) = {value} THEN {short} ELSE printf('%!.17g', {value}) END"
        f" ELSE CAST({value} AS TEXT) END AS {name}"
    )
