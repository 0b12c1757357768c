"""The first form: events, queries, who is forgotten, which experiments are stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _make_events()
    _make_queries()
    op.create_table(
        "forgotten",
        sa.Column("user_key", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "stopped",
        sa.Column("experiment", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("user_key", sa.Text),
        sa.Column("session", sa.Text),
        sa.Column("value", sa.Double),
        sa.Column("query_id", sa.Text),
        sa.Column("rank", sa.Integer),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
    )
    op.create_index("events_user", "events", ["user_key", "at"])
    op.create_index("events_query", "events", ["query_id"])
    op.create_index("events_at", "events", ["at", "event_id"])


def _make_queries() -> None:
    op.create_table(
        "queries",
        sa.Column("query_id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("request", sa.Text),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("experiment", sa.Text),
        sa.Column("variant", sa.Text),
        sa.Column("teams", sa.Text),
        sa.Column("user_key", sa.Text),
        sa.Column("session", sa.Text),
        sa.Column("k", sa.Integer, nullable=False),
        sa.Column("offset", sa.Integer, nullable=False),
        sa.Column("n_results", sa.Integer, nullable=False),
        sa.Column("matched", sa.Integer, nullable=False),
        sa.Column("no_good_match", sa.Boolean),
        sa.Column("took_ms", sa.Double, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
    )
    op.create_index("queries_at", "queries", ["at", "query_id"])
