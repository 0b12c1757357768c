"""What Alembic runs: all steps that a store lacks, in the transaction that it is handed."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite's too: the transaction is begun by the store
)
context.run_migrations()
