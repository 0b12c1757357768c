"""The commands that look after events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from shortlist.command import main
from shortlist.events.event import Event, EventType
from shortlist.events.person import Pseudonyms
from shortlist.events.store import EventStore
from tests.event_stores import answer, event


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


def left(store: EventStore) -> list[str]:
    return [one.event_id for batch in store.batches() for one in batch]


def test_a_person_is_forgotten_by_their_own_id(event_store: EventStore, events_url: str) -> None:
    key = Pseudonyms("k3y").of("anna")
    event_store.append([event("hers", user=key), event("plain", user="anna")])
    event_store.log_answers([answer("q", user=key)])
    done = run("forget", "--user", "anna", "--events", events_url, SHORTLIST_USER_KEY="k3y")
    assert done.output.splitlines() == [
        "removed 1 events and 1 answers",
        "next: shortlist build, which forgets what was learnt from them",
    ]
    assert left(event_store) == ["plain"]
    assert list(event_store.forgotten()) == [key]
    done = run("forget", "--user", "anna", SHORTLIST_EVENTS=events_url)
    assert done.output.startswith("removed 1 events and 0 answers")


def test_what_is_older_than_so_many_days_expires(event_store: EventStore, events_url: str) -> None:
    now = datetime.now(UTC)
    event_store.append(
        [
            Event(event_id=name, type=EventType.LIKE, item_id=1, at=now - timedelta(days=days))
            for name, days in {"old": 8, "new": 6}.items()
        ]
    )
    assert run("expire", "--days", "7", "--events", events_url).output == (
        "removed 1 events and 0 answers\n"
    )
    assert left(event_store) == ["new"]
    assert run("expire", "--days", "0", "--events", events_url).exit_code == 2


def test_analytics_are_printed_in_three_forms(event_store: EventStore, events_url: str) -> None:
    now = datetime.now(UTC)
    asked = answer("q", text="robots")
    event_store.log_answers([type(asked)(**{**_fields(asked), "at": now})])
    where = ("analytics", "--events", events_url, "--days", "2")
    assert "most frequent  searches" in run(*where).output
    assert json.loads(run(*where, "--json").output)["frequent"][0]["text"] == "robots"
    days = run(*where, "--csv", "days").output.splitlines()
    assert days[0].split(",")[:2] == ["day", "searches"]
    assert days[-1].split(",")[:2] == [f"{now:%Y-%m-%d}", "1"]


def _fields(one: object) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}  # type: ignore[attr-defined]  # a dataclass


@pytest.mark.parametrize(
    "command", [("analytics",), ("forget", "--user", "u"), ("expire", "--days", "1")]
)
def test_what_is_wrong_is_said_in_one_line(command: tuple[str, ...], sqlite_events: str) -> None:
    assert run(*command).exit_code == 2
    done = run(*command, "--events", sqlite_events)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: the SQLite file")
    assert len(done.stderr.splitlines()) == 1
    done = run(*command, "--events", "mysql://a:secret@b/c")
    assert done.stderr == (
        "error: expected sqlite:///file or postgresql://user:password@host/name\n"
    )
