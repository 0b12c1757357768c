"""What is taken out of a store: a person, and what is too old."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, Table, Update, delete, select, text, union, update

from shortlist.events.database import Database
from shortlist.events.event import micros_of
from shortlist.events.rows import put
from shortlist.events.schema import events, forgotten, queries

_ALONE = "LOCK TABLE events, queries IN SHARE ROW EXCLUSIVE MODE"
"""Whoever is storing events has ended, and who begins sees who is forgotten."""

_TOGETHER = 5000
"""So many old rows go in one transaction: nobody who writes waits long for it."""


class Removed(NamedTuple):
    """How many events and how many answers were removed."""

    n_events: int
    n_queries: int


def forget(database: Database, user_key: str, at: datetime) -> Removed:
    """Remove whatever is known of a user, and remember not to take any of it before `at` again.

    That is also what the visits of that user did without saying whose they are, and the answers
    that the user's events refer to.
    """
    row = {"user_key": user_key, "at": micros_of(at)}
    with database.writing() as connection:
        if not database.is_sqlite:  # which has one writer at a time anyway
            connection.execute(text(_ALONE))
        put(connection, forgotten, row, replace=True)
        for claim in _claims(user_key):
            connection.execute(claim)
        n_events, n_queries = (
            connection.execute(delete(table).where(table.c.user_key == user_key)).rowcount
            for table in (events, queries)
        )
    database.truncate_log()
    return Removed(n_events, n_queries)


def _claims(user_key: str) -> list[Update]:
    """What nobody is named for and belongs to the user is made to say so."""
    visits = union(
        *(
            select(table.c.session).where(
                table.c.user_key == user_key, table.c.session.is_not(None)
            )
            for table in (events, queries)
        )
    )
    answers = select(events.c.query_id).where(
        events.c.user_key == user_key, events.c.query_id.is_not(None)
    )
    theirs: dict[Table, ColumnElement[bool]] = {
        events: events.c.session.in_(visits),
        queries: queries.c.session.in_(visits) | queries.c.query_id.in_(answers),
    }
    return [
        update(table).where(table.c.user_key.is_(None), whose).values(user_key=user_key)
        for table, whose in theirs.items()
    ]


def _of_user(table: Table, name: str, user_key: str) -> Select[tuple[str]]:
    """The values of a column in a user's rows."""
    return select(table.c[name]).where(table.c.user_key == user_key, table.c[name].is_not(None))


def prune(database: Database, before: datetime) -> Removed:
    """Remove the events and answers of before a time."""
    n_events, n_queries = (_remove_older(database, one, before) for one in (events, queries))
    return Removed(n_events, n_queries)


def _remove_older(database: Database, table: Table, before: datetime) -> int:
    (key,) = table.primary_key
    old = select(key).where(table.c.at < micros_of(before)).limit(_TOGETHER)
    n_removed = 0
    while True:
        with database.writing() as connection:
            removed = connection.execute(delete(table).where(key.in_(old))).rowcount
        n_removed += removed
        if removed < _TOGETHER:
            return n_removed
