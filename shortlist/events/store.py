"""The store of events: written by a service, read by whoever learns or counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, Table, select, tuple_

from shortlist.events import removal
from shortlist.events.address import address_of
from shortlist.events.database import Database, connect
from shortlist.events.event import Event, micros_of, time_at
from shortlist.events.logged import LoggedQuery
from shortlist.events.records import event_of, event_row, query_of, query_row
from shortlist.events.removal import Removed
from shortlist.events.rows import insert_missing, put
from shortlist.events.schema import events, forgotten, queries, stopped

_AT_A_TIME = 5000
"""So many rows one transaction reads, by default."""


class Appended(NamedTuple):
    """How many events were stored, and how many were there before, or are of who was forgotten."""

    accepted: int
    repeated: int


class Stopped(NamedTuple):
    """When an experiment was stopped, and why."""

    at: datetime
    reason: str


class EventStore:
    """Events, and the answers that they refer to. For many threads and processes.

    Every method raises EventStoreError where the database cannot be used; then nothing that was to
    be written is taken for written. Users are named by their user keys, see `Pseudonyms`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, url: str, *, writes: bool = True) -> Self:
        """The store at a url, `sqlite:///file` or `postgresql://…`.

        With `writes` it is made, and given its present form. Raises EventStoreError for another
        url, a database that cannot be used, and one that is of another form.
        """
        database = connect(address_of(url), makes=writes)
        try:
            if writes:
                database.bring_up_to_date()
            else:
                database.check_form()
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close its connections."""
        self.database.close()

    def check(self, *, writes: bool = False) -> None:
        """Raise EventStoreError while the database cannot be read, or with `writes` written."""
        self.database.check(writes=writes)

    def append(self, given: Sequence[Event]) -> Appended:
        """Store events. They are on the disk when this returns; an id that is known is skipped."""
        (appended,) = self.append_groups([given])
        return appended

    def append_groups(
        self, groups: Sequence[Sequence[Event]], answers: Sequence[LoggedQuery] = ()
    ) -> list[Appended]:
        """What `append` says of each group, all of them and the answers stored by one commit."""
        now = datetime.now(UTC)
        rows = [event_row(one, received=now) for group in groups for one in group]
        with self.database.writing() as connection:
            new = insert_missing(connection, events, rows)
            insert_missing(connection, queries, [query_row(one) for one in answers])
        return [_appended(group, new) for group in groups]

    def log_answers(self, answers: Sequence[LoggedQuery]) -> int:
        """Store answers, without their outcomes; returns how many were new."""
        with self.database.writing() as connection:
            return len(insert_missing(connection, queries, [query_row(one) for one in answers]))

    def of_user(self, user_key: str, *, limit: int) -> list[Event]:
        """The newest events of a user, newest first."""
        wanted = (
            select(events)
            .where(events.c.user_key == user_key)
            .order_by(events.c.at.desc(), events.c.event_id.desc())
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [event_of(dict(row)) for row in connection.execute(wanted).mappings()]

    def batches(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        size: int = _AT_A_TIME,
    ) -> Iterator[list[Event]]:
        """All events from `since` to before `until` in the order of their times, a batch at a time.

        Each batch is read by itself: nothing is held while it is used.
        """
        for rows in self._pages(events, _between(events, since, until), size):
            yield [event_of(row) for row in rows]

    def query_batches(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        experiment: str | None = None,
        size: int = 1000,
    ) -> Iterator[list[LoggedQuery]]:
        """Answers with their outcomes, in order and by batches like events."""
        wanted = _between(queries, since, until)
        if experiment is not None:
            wanted.append(queries.c.experiment == experiment)
        for rows in self._pages(queries, wanted, size):
            outcomes = self._outcomes([row["query_id"] for row in rows])
            yield [query_of(row, outcomes.get(row["query_id"], [])) for row in rows]

    def forget(self, user_key: str, *, at: datetime | None = None) -> Removed:
        """Remove a user, by default as of now: see `shortlist.events.removal.forget`."""
        return removal.forget(self.database, user_key, at or datetime.now(UTC))

    def is_forgotten(self, user_key: str) -> bool:
        """Whether a user was forgotten at some time: versions of before say nothing of them."""
        wanted = select(forgotten.c.at).where(forgotten.c.user_key == user_key)
        with self.database.reading() as connection:
            return connection.execute(wanted).first() is not None

    def forgotten(self) -> dict[str, datetime]:
        """Who was forgotten, by user key, and when: what they did before counts for no build."""
        with self.database.reading() as connection:
            found = connection.execute(select(forgotten.c.user_key, forgotten.c.at))
            return {user_key: time_at(at) for user_key, at in found}

    def prune(self, before: datetime) -> Removed:
        """Remove the events and answers of before a time, some thousands by each commit."""
        return removal.prune(self.database, before)

    def stop_experiment(self, experiment: str, *, reason: str) -> None:
        """End an experiment for every service over this store. One that is stopped stays so."""
        row = {"experiment": experiment, "at": micros_of(datetime.now(UTC)), "reason": reason}
        with self.database.writing() as connection:
            put(connection, stopped, row, replace=False)

    def stopped(self, experiment: str) -> Stopped | None:
        """When and why an experiment was stopped, None for one that was not."""
        wanted = select(stopped.c.at, stopped.c.reason).where(stopped.c.experiment == experiment)
        with self.database.reading() as connection:
            found = connection.execute(wanted).one_or_none()
        return None if found is None else Stopped(time_at(found.at), found.reason)

    def _pages(
        self, table: Table, wanted: list[ColumnElement[bool]], size: int
    ) -> Iterator[list[dict[str, Any]]]:
        """Rows by time and then by key, each page behind the last row of the one before."""
        (key,) = table.primary_key
        query = select(table).where(*wanted).order_by(table.c.at, key).limit(size)
        page = query
        while True:
            with self.database.reading() as connection:
                rows = [dict(row) for row in connection.execute(page).mappings()]
            if rows:
                yield rows
            if len(rows) < size:
                return
            last = tuple_(rows[-1]["at"], rows[-1][key.name])
            page = query.where(tuple_(table.c.at, key) > last)

    def _outcomes(self, query_ids: Sequence[str]) -> dict[str, list[Event]]:
        """The events that name these answers, by answer, in the order of their times."""
        wanted = (
            select(events)
            .where(events.c.query_id.in_(query_ids))
            .order_by(events.c.at, events.c.event_id)
        )
        found: dict[str, list[Event]] = {}
        with self.database.reading() as connection:
            for row in connection.execute(wanted).mappings():
                found.setdefault(row["query_id"], []).append(event_of(dict(row)))
        return found


def _between(
    table: Table, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    wanted = []
    if since is not None:
        wanted.append(table.c.at >= micros_of(since))
    if until is not None:
        wanted.append(table.c.at < micros_of(until))
    return wanted


def _appended(group: Sequence[Event], new: set[str]) -> Appended:
    """What became of a group; an id counts for the first that has it, who takes it off `new`."""
    accepted = len(new & {one.event_id for one in group})
    new -= {one.event_id for one in group}
    return Appended(accepted, len(group) - accepted)
