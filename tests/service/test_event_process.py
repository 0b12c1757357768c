"""Who reads and writes events beside a worker: what it says, and how it ends and begins again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from service.event_process import EventProcess
from service.event_writing import EventWriter, Sent, Taken, Writer
from shortlist.errors import EventStoreError, InvalidParameter, MalformedRequest
from shortlist.events.person import Pseudonyms
from shortlist.events.store import EventStore
from tests.event_stores import answer
from tests.serving import until


def sent(*names: str, **more: object) -> Sent:
    """A body with an event of each of these names."""
    events = [
        {"type": "like", "item_id": 7, "user_id": f"u-{name}", "event_id": name, **more}
        for name in names
    ]
    return Sent(json.dumps({"events": events}).encode(), integers=True)


def stored(url: str) -> list[str]:
    """The ids of all events that are stored."""
    store = EventStore.open(url)
    found = [one.event_id for batch in store.batches() for one in batch]
    store.close()
    return sorted(found)


def beside(pid: int | None = None) -> list[int]:
    """The processes that write events beside this one, or beside that with this id."""
    children = psutil.Process(pid).children()
    return [one.pid for one in children if "service.event_process" in one.cmdline()]


@pytest.fixture
def process(sqlite_events: str) -> Iterator[EventProcess]:
    """A process over a new store, ended in the end."""
    one = EventProcess(sqlite_events, Pseudonyms())
    yield one
    one.close()


@pytest.fixture(params=["here", "in a process"])
def writer(
    request: pytest.FixtureRequest, sqlite_events: str, process: EventProcess
) -> Iterator[Writer]:
    """Both who write."""
    if request.param == "in a process":
        yield process
        return
    here = EventWriter(lambda: EventStore.open(sqlite_events), Pseudonyms())
    yield here
    here.close()


def test_what_is_sound_is_stored_and_the_rest_is_told_what_is_wrong(
    writer: Writer, sqlite_events: str
) -> None:
    found = writer.write(
        [sent("a", "b"), Sent(b"{", integers=True), sent("c", type="no"), sent("b", "d")],
        [answer("q")],
    )
    assert found[0] == Taken(2, 0, frozenset({"u-a", "u-b"}))
    assert isinstance(found[1], MalformedRequest)
    assert isinstance(found[2], InvalidParameter)
    assert found[2].fields == {
        "events.0.type": "expected one of: impression, click, like, dislike, rating, purchase, "
        "view, found 'no'"
    }
    assert found[3] == Taken(1, 1, frozenset({"u-b", "u-d"}))
    assert stored(sqlite_events) == ["a", "b", "d"]
    store = EventStore.open(sqlite_events)
    assert [one.query_id for batch in store.query_batches() for one in batch] == ["q"]
    store.close()


def test_ids_are_of_the_catalogue_s_kind(writer: Writer) -> None:
    named = sent("a", item_id="robot-7")
    refused, taken = writer.write([named, named._replace(integers=False)], [])
    assert isinstance(refused, InvalidParameter)
    assert list(refused.fields) == ["events.0.item_id"]
    assert taken == Taken(1, 0, frozenset({"u-a"}))


def test_a_store_that_is_away_is_told_and_opened_again(writer: Writer, sqlite_events: str) -> None:
    path = Path(sqlite_events.removeprefix("sqlite:///"))
    writer.check(writes=True)
    path.rename(path.with_suffix(".away"))
    with pytest.raises(EventStoreError, match="taken away while it was in use"):
        writer.write([sent("a")], [])
    (wrong,) = writer.write([Sent(b"{", integers=True)], [])
    assert isinstance(wrong, MalformedRequest), "nothing is asked of the store for that"
    path.unlink(missing_ok=True)
    path.with_suffix(".away").rename(path)
    assert writer.write([sent("a")], []) == [Taken(1, 0, frozenset({"u-a"}))]


def test_users_are_written_by_their_keys(sqlite_events: str) -> None:
    pseudonyms = Pseudonyms("s3cret")
    process = EventProcess(sqlite_events, pseudonyms)
    (found,) = process.write([sent("a")], [])
    process.close()
    assert found == Taken(1, 0, frozenset({pseudonyms.of("u-a")}))


def test_a_process_that_was_killed_is_told_of_and_begun_again(
    process: EventProcess, sqlite_events: str
) -> None:
    process.write([sent("a")], [])
    (killed,) = beside()
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(EventStoreError, match="the process that writes events has ended"):
        process.write([sent("b")], [])
    assert beside() == []
    assert process.write([sent("b")], []) == [Taken(1, 0, frozenset({"u-b"}))]
    assert len(beside()) == 1
    assert stored(sqlite_events) == ["a", "b"]


def test_it_is_not_ended_by_what_ends_the_service_before_the_service_has(
    process: EventProcess,
) -> None:
    process.check(writes=False)
    (pid,) = beside()
    assert os.getpgid(pid) != os.getpgid(0), "a terminal stops a group"
    os.kill(pid, signal.SIGTERM)
    assert process.write([sent("a")], []) == [Taken(1, 0, frozenset({"u-a"}))]
    assert beside() == [pid]
    process.close()
    assert not psutil.pid_exists(pid)


def test_it_ends_when_the_service_was_killed(sqlite_events: str, repository: Path) -> None:
    script = (
        "import sys, time\n"
        "from service.event_process import EventProcess\n"
        "from shortlist.events.person import Pseudonyms\n"
        "process = EventProcess(sys.argv[1], Pseudonyms())\n"
        "process.check(writes=False)\n"
        "print(flush=True)\n"
        "time.sleep(600)\n"
    )
    service = subprocess.Popen(
        [sys.executable, "-c", script, sqlite_events],
        stdout=subprocess.PIPE,
        text=True,
        cwd=repository,
    )
    assert service.stdout is not None
    with service.stdout:
        assert service.stdout.readline()
    (pid,) = beside(service.pid)
    assert psutil.pid_exists(pid)
    service.kill()
    service.wait()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


def test_a_defect_says_where_it_is(process: EventProcess) -> None:
    with pytest.raises(RuntimeError, match="AttributeError in the process that writes") as raised:
        process.write([None], [])  # type: ignore[list-item]  # a defect
    assert any("event_writing.py" in note for note in raised.value.__notes__)
    process.check(writes=True)
