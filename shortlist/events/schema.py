"""The tables of a store of events. Times are microseconds from 1970, UTC; item ids are text."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

REVISION = "0001"
"""The last step of the migrations: what a store must have come to."""

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("user_key", Text),
    Column("session", Text),
    Column("value", Double),
    Column("query_id", Text),
    Column("rank", Integer),
    Column("at", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Index("events_user", "user_key", "at"),
    Index("events_query", "query_id"),
    Index("events_at", "at", "event_id"),
)

queries = Table(
    "queries",
    metadata,
    Column("query_id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text),
    Column("request", Text),
    Column("version", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("experiment", Text),
    Column("variant", Text),
    Column("teams", Text),
    Column("user_key", Text),
    Column("session", Text),
    Column("k", Integer, nullable=False),
    Column("offset", Integer, nullable=False),
    Column("n_results", Integer, nullable=False),
    Column("matched", Integer, nullable=False),
    Column("no_good_match", Boolean),
    Column("took_ms", Double, nullable=False),
    Column("shown", Text, nullable=False),
    Index("queries_at", "at", "query_id"),
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("user_key", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

stopped = Table(
    "stopped",
    metadata,
    Column("experiment", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)
