"""The database of a store: connections, transactions, its form, and what is wrong with it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shortlist.errors import EventStoreError
from shortlist.events.address import Address
from shortlist.events.schema import REVISION

_BUSY_S = 10.0
"""How long a transaction waits for another process that writes into the same SQLite file."""

_SERVER = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "application_name": "shortlist",
    "options": "-c statement_timeout=60000",
}
"""What is asked of PostgreSQL unless the url does: nobody waits for ever for one that is away."""

_MIGRATING = 0x5B0F_715C
"""The number of the advisory lock that who changes the form holds."""

_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """Transactions over one store, for many threads. Made by `connect`."""

    def __init__(self, engine: Engine, address: Address) -> None:
        self._engine, self._address = engine, address
        self.is_sqlite = address.path is not None
        self._file = self._on_disk()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads. Raises EventStoreError."""
        with self._explained("read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on the disk when the block is left. Raises EventStoreError.

        Then it may, where the connection broke at the very end, have been written all the same.
        """
        if self._on_disk() != self._file:
            raise EventStoreError(f"the {self._address} was taken away while it was in use")
        with (
            self._explained("written"),
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def check(self, *, writes: bool) -> None:
        """Raise EventStoreError while it cannot be read, or with `writes` written."""
        look = text("SELECT version_num FROM alembic_version")
        touch = text("UPDATE alembic_version SET version_num = version_num")
        with self.writing() if writes else self.reading() as connection:
            connection.execute(touch if writes else look)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._engine.dispose()

    def bring_up_to_date(self) -> None:
        """Give the store its present form. Raises EventStoreError, also for one of a later form."""
        if self.is_sqlite:
            self._write_ahead()
        with self.reading() as connection:
            found = _revision(connection)
        if found == REVISION:
            return
        with self.writing() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATING})
            _migrate(connection, self._address)

    def check_form(self) -> None:
        """Raise EventStoreError for a store that has not the form this code reads."""
        with self.reading() as connection:
            found = _revision(connection)
        if found != REVISION:
            raise EventStoreError(
                f"the {self._address} holds no events of this form: expected revision {REVISION},"
                f" found {found or 'none'}; a service that takes events makes it"
            )

    def truncate_log(self) -> None:
        """Let nothing deleted stay in a file of SQLite's, as far as nobody reads at the moment."""
        if self.is_sqlite:
            with self._explained("written"), self._raw() as raw:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _on_disk(self) -> tuple[int, int] | None:
        """Which file stands at SQLite's path: what one takes that was removed is lost."""
        if self._address.path is None:
            return None
        try:
            found = self._address.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _write_ahead(self) -> None:
        """Readers do not wait for who writes, from now on; several may ask for it at once."""
        ends_at = time.monotonic() + _BUSY_S
        with self._explained("opened"):
            while True:
                try:
                    with self._raw() as raw:
                        raw.execute("PRAGMA journal_mode = WAL")
                    return
                except sqlite3.OperationalError as error:
                    if time.monotonic() > ends_at or "locked" not in str(error):
                        raise
                time.sleep(0.05)

    @contextmanager
    def _raw(self) -> Iterator[Any]:
        """A cursor of SQLite's outside every transaction."""
        connection = self._engine.raw_connection()
        try:
            yield connection.cursor()
        finally:
            connection.close()

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise EventStoreError(
                f"the {self._address} cannot be {what}: {_reason(error)}"
            ) from error


def connect(address: Address, *, makes: bool) -> Database:
    """The database at an address, not looked at yet; with `makes` a file that is not there is made.

    Raises EventStoreError for a file that cannot be opened.
    """
    if address.path is None:
        return Database(create_engine(_server_url(address.url), **_HOW), address)
    try:
        _touch(address.path, makes=makes)
    except OSError as error:
        raise EventStoreError(f"the {address} cannot be opened: {error.strerror}") from error
    url = URL.create("sqlite+pysqlite", database=str(address.path))
    engine = create_engine(url, connect_args={"timeout": _BUSY_S}, **_HOW)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return Database(engine, address)


_HOW: dict[str, Any] = {
    "hide_parameters": True,  # they would stand in messages
    "pool_pre_ping": True,
    "pool_timeout": 2.0,
}


def _server_url(url: str) -> URL:
    made = make_url(url).set(drivername="postgresql+psycopg")
    return made.update_query_dict(
        {name: value for name, value in _SERVER.items() if name not in made.query}
    )


def _touch(path: Path, *, makes: bool) -> None:
    """A new file is for its owner alone; those that SQLite lays beside it follow it."""
    os.close(os.open(path, os.O_RDWR | (os.O_CREAT if makes else 0), 0o600))


def _set_up(connection: Any, _record: object) -> None:
    """A commit is on the disk, what is deleted is overwritten; `_begin` begins transactions."""
    connection.isolation_level = None
    for pragma in ("synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Who is going to write says so at once: two readers cannot both become writers."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _migrate(connection: Connection, address: Address) -> None:
    """Run the steps that are missing. Alembic is loaded only here."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise EventStoreError(
            f"the {address} was written by a later version of this program: revision"
            f" {_revision(connection)}, while this one knows {REVISION}"
        ) from error


def _reason(error: Exception) -> str:
    """The first line of what the driver says: no statement, no parameters."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(said).strip().splitlines() or [type(said).__name__])[0][:300]
