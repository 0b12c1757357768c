"""Many rows into a table at once, but those that it has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Table,
    Text,
    bindparam,
    cast,
    column,
    exists,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from shortlist.events.schema import forgotten

Row = Mapping[str, Any]


def insert_missing(connection: Connection, table: Table, rows: Sequence[Row]) -> set[str]:
    """Put in those rows whose key is new; returns their keys.

    A row of somebody who was forgotten after it is left out too. All rows travel as one text of
    JSON, which the database takes apart: a parameter for each of their values would keep other
    threads of this process waiting. They go in by the order of their keys, so that two processes
    that put in the same ones wait for each other instead of for ever.
    """
    if not rows:
        return set()
    text = json.dumps(rows, allow_nan=False)
    statement = _insert(table, connection.dialect.name)
    return set(connection.scalars(statement, {"rows": text}))


def put(connection: Connection, table: Table, row: Row, *, replace: bool) -> None:
    """Put one row in; where its key is known already, `replace` says which of the two stays."""
    (key,) = table.primary_key
    statement = _dialect(connection.dialect.name).insert(table).values(row)
    if replace:
        kept = {name: value for name, value in row.items() if name != key.name}
        statement = statement.on_conflict_do_update(index_elements=[key], set_=kept)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=[key])
    connection.execute(statement)


def _dialect(name: str) -> Any:
    """What spells `ON CONFLICT`, which SQL itself has not."""
    return sqlite if name == "sqlite" else postgresql


@cache
def _insert(table: Table, dialect: str) -> Insert:
    (key,) = table.primary_key
    given = _taken_apart(table, dialect)
    columns = [given.c[one.name] for one in table.columns]
    wanted = select(*columns).where(_not_forgotten(given)).order_by(given.c[key.name])
    statement: Insert = (
        _dialect(dialect)
        .insert(table)
        .from_select([one.name for one in table.columns], wanted)
        .on_conflict_do_nothing(index_elements=[key])
        .returning(key)
    )
    return statement


def _not_forgotten(given: FromClause) -> ColumnElement[bool]:
    since = (forgotten.c.user_key == given.c.user_key) & (forgotten.c.at >= given.c.at)
    return ~exists(select(1).select_from(forgotten).where(since))


def _taken_apart(table: Table, dialect: str) -> FromClause:
    """The rows in the parameter `rows`, a list of JSON objects, as a table with these columns."""
    rows: ColumnElement[Any] = bindparam("rows", type_=Text)
    if dialect == "sqlite":
        each = func.json_each(rows).table_valued("value")
        values = [
            func.json_extract(each.c.value, f'$."{one.name}"', type_=one.type).label(one.name)
            for one in table.columns
        ]
        return select(*values).subquery("given")
    names = [column(one.name, one.type) for one in table.columns]
    records = func.json_to_recordset(cast(rows, JSON)).table_valued(*names, name="given")
    return records.render_derived(with_types=True)
