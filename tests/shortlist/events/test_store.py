"""What a store of events keeps, in SQLite and in PostgreSQL."""

from __future__ import annotations

import itertools
import sqlite3
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shortlist.errors import EventStoreError
from shortlist.events.event import Event, EventType
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.store import Appended, EventStore, Removed
from tests.event_stores import NOON, answer, event
from tests.serving import until

FULL = event(
    "full",
    type=EventType.RATING,
    item_id="naïve \N{PERSONAL COMPUTER}",
    user="anna",
    session="s1",
    value=4.5,
    query_id="q1",
    rank=2,
    after_s=0.000001,
)


def ids(events: list[Event]) -> list[str]:
    return [one.event_id for one in events]


def everything(store: EventStore) -> list[Event]:
    return [one for batch in store.batches() for one in batch]


def test_events_come_back_as_they_were_put_in(event_store: EventStore) -> None:
    bare = event("bare", item_id=7)
    assert event_store.append([FULL, bare]) == Appended(2, 0)
    assert everything(event_store) == [replace(bare, item_id="7"), FULL]


def test_an_id_that_is_known_is_stored_once_and_stays_as_it_was(event_store: EventStore) -> None:
    assert event_store.append([event("a"), event("a", user="anna"), event("b")]) == (2, 1)
    assert event_store.append([event("b", user="anna"), event("c")]) == (1, 1)
    assert event_store.append([]) == (0, 0)
    found = everything(event_store)
    assert [(one.event_id, one.user) for one in found] == [("a", None), ("b", None), ("c", None)]


def test_each_of_several_groups_hears_its_own_numbers(event_store: EventStore) -> None:
    groups = [[event("a"), event("b")], [event("b"), event("c")], [], [event("c")]]
    assert event_store.append_groups(groups) == [(2, 0), (1, 1), (0, 0), (0, 1)]


def test_answers_are_stored_by_the_commit_of_events(event_store: EventStore) -> None:
    assert event_store.append_groups([[event("a")]], [answer("q1"), answer("q2")]) == [(1, 0)]
    assert event_store.append_groups([], [answer("q2"), answer("q3")]) == []
    ((*found,),) = event_store.query_batches()
    assert [one.query_id for one in found] == ["q1", "q2", "q3"]


def test_two_that_store_the_same_events_at_once_store_each_once(
    event_store: EventStore, events_url: str
) -> None:
    other = EventStore.open(events_url)
    found: list[Appended] = []

    def append(store: EventStore, numbers: list[int]) -> None:
        batches = (numbers[start : start + 20] for start in range(0, 400, 20))
        found.extend(store.append([event(f"e{n}") for n in batch]) for batch in batches)

    there, back = list(range(400)), list(reversed(range(400)))
    threads = [
        threading.Thread(target=append, args=(event_store, there)),
        threading.Thread(target=append, args=(other, back)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sum(one.accepted for one in found) == sum(one.repeated for one in found) == 400
    assert len(everything(event_store)) == 400


def test_the_newest_events_of_a_user_come_first(event_store: EventStore) -> None:
    theirs = [event(f"e{n}", user="anna", after_s=n) for n in (3, 1, 2)]
    event_store.append([*theirs, event("other", user="bert", after_s=9), event("nobody")])
    assert ids(event_store.of_user("anna", limit=2)) == ["e3", "e2"]
    assert event_store.of_user("nobody", limit=2) == []


def test_all_events_are_read_in_the_order_of_their_times_by_batches(
    event_store: EventStore,
) -> None:
    times = {"d": 2, "c": 1, "b": 1, "a": 1, "e": 0}
    event_store.append([event(name, after_s=after_s) for name, after_s in times.items()])
    assert [ids(batch) for batch in event_store.batches(size=2)] == [["e", "a"], ["b", "c"], ["d"]]
    assert [ids(batch) for batch in event_store.batches(size=5)] == [["e", "a", "b", "c", "d"]]
    first, second = NOON + timedelta(seconds=1), NOON + timedelta(seconds=2)
    assert [ids(one) for one in event_store.batches(since=first)] == [["a", "b", "c", "d"]]
    assert [ids(one) for one in event_store.batches(since=first, until=second)] == [["a", "b", "c"]]
    assert list(event_store.batches(until=NOON)) == []


def test_answers_come_back_with_the_events_that_name_them(event_store: EventStore) -> None:
    full = LoggedQuery(
        query_id="q1", at=NOON, kind=QueryKind.SIMILAR, version="v", profile="p", k=10, offset=20,
        n_results=2, matched=5, took_ms=0.25, shown=("naïve", "7"), no_good_match=None,
        text="robots", request='{"q": "robots"}', experiment="x", variant="A", teams="AB",
        user="anna", session="s1",
    )  # fmt: skip
    bare = answer("q2", after_s=1, no_good_match=True)
    assert event_store.log_answers([full, bare]) == 2
    assert event_store.log_answers([replace(full, text="changed")]) == 0
    seen = event("seen", type=EventType.IMPRESSION, query_id="q1", rank=1)
    event_store.append([FULL, seen, event("lost", query_id="q9")])
    (batch,) = event_store.query_batches()
    assert batch == [replace(full, outcomes=(seen, FULL)), bare]
    assert list(event_store.query_batches(experiment="x")) == [batch[:1]]
    assert [len(one) for one in event_store.query_batches(size=1)] == [1, 1]
    assert list(event_store.query_batches(until=NOON)) == []


def test_a_text_that_no_database_takes_is_kept_without_what_it_does_not_take(
    event_store: EventStore,
) -> None:
    event_store.log_answers([answer("q", text="a\0b\ud800c\\u0000")])
    ((found,),) = event_store.query_batches()
    assert found.text == "a\N{REPLACEMENT CHARACTER}b?c\\u0000"


def test_a_person_is_removed_with_all_that_can_be_told_to_be_theirs(
    event_store: EventStore,
) -> None:
    event_store.append([
        event("hers", user="anna", session="s1", query_id="q1"),
        event("before she said who she is", session="s1"),
        event("in another visit of hers", session="s2"),
        event("his", user="bert", session="s1"),
        event("of nobody", session="s3"),
    ])  # fmt: skip
    event_store.log_answers([
        answer("q1"),
        answer("q2", user="anna", session="s2"),
        answer("q3", session="s1"),
        answer("q4", user="bert"),
        answer("q5"),
    ])  # fmt: skip
    assert event_store.forget("anna") == Removed(3, 3)
    assert ids(everything(event_store)) == ["his", "of nobody"]
    ((*left,),) = event_store.query_batches()
    assert [one.query_id for one in left] == ["q4", "q5"]
    assert event_store.forget("nobody") == Removed(0, 0)


def test_what_somebody_did_before_they_were_forgotten_is_not_taken_again(
    event_store: EventStore,
) -> None:
    forgotten_at = NOON + timedelta(seconds=10)
    event_store.append([event("a", user="anna", after_s=5)])
    event_store.forget("anna", at=forgotten_at)
    sent_again = [event("a", user="anna", after_s=5), event("b", user="anna", after_s=10)]
    assert event_store.append(sent_again) == (0, 2)
    assert event_store.log_answers([answer("q", user="anna", after_s=9)]) == 0
    assert event_store.append([event("c", user="anna", after_s=11), event("d", user="bert")]) == (
        2,
        0,
    )
    assert event_store.forgotten() == {"anna": forgotten_at}
    later = NOON + timedelta(seconds=20)
    assert event_store.forget("anna", at=later) == Removed(1, 0)
    assert event_store.forgotten() == {"anna": later}


def test_nothing_that_is_stored_meanwhile_is_left_of_who_is_forgotten(
    event_store: EventStore,
) -> None:
    stop, count, stored = threading.Event(), itertools.count(), list[Appended]()

    def append() -> None:
        while not stop.is_set():
            stored.append(event_store.append([event(f"a{next(count)}", user="anna")]))

    threads = [threading.Thread(target=append) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: stored)
    event_store.forget("anna")
    n_stored = len(stored)
    until(lambda: len(stored) > n_stored + 10)
    stop.set()
    for thread in threads:
        thread.join()
    assert everything(event_store) == []


def test_what_is_too_old_is_removed(
    event_store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortlist.events.removal._TOGETHER", 2)
    event_store.append([event(f"e{n}", after_s=n) for n in range(6)])
    event_store.log_answers([answer(f"q{n}", after_s=n) for n in range(3)])
    assert event_store.prune(NOON + timedelta(seconds=4)) == Removed(4, 3)
    assert ids(everything(event_store)) == ["e4", "e5"]
    assert event_store.prune(NOON) == Removed(0, 0)


def test_an_experiment_is_stopped_once(event_store: EventStore) -> None:
    assert event_store.stopped("weights") is None
    before = datetime.now(UTC)
    event_store.stop_experiment("weights", reason="too slow")
    event_store.stop_experiment("weights", reason="another")
    found = event_store.stopped("weights")
    assert found is not None and found.reason == "too slow"
    assert before <= found.at <= datetime.now(UTC)
    assert event_store.stopped("other") is None


def test_events_outlive_the_process_that_stored_them(
    event_store: EventStore, events_url: str
) -> None:
    event_store.append([event("a")])
    event_store.close()
    again = EventStore.open(events_url, writes=False)
    assert ids(everything(again)) == ["a"]
    again.close()


def test_a_commit_is_on_the_disk_and_a_deletion_leaves_no_text(
    sqlite_events: str, tmp_path: Path
) -> None:
    store = EventStore.open(sqlite_events)
    with store.database.reading() as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    assert told == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}  # 2 is FULL
    store.append([event("a", user="anna-of-the-hill", session="s")])
    assert any(b"anna-of-the-hill" in path.read_bytes() for path in tmp_path.iterdir())
    store.forget("anna-of-the-hill")
    with sqlite3.connect(tmp_path / "events.db") as connection:
        connection.execute("DELETE FROM forgotten")
    connection.close()
    store.database.truncate_log()
    store.close()
    assert not any(b"anna-of-the-hill" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_new_file_is_for_its_owner_alone(sqlite_events: str, tmp_path: Path) -> None:
    store = EventStore.open(sqlite_events)
    store.append([event("a")])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    store.close()
    assert modes["events.db"] == 0o600 and set(modes.values()) == {0o600}


def test_a_file_that_was_taken_away_takes_no_more_events(
    sqlite_events: str, tmp_path: Path
) -> None:
    store = EventStore.open(sqlite_events)
    store.check(writes=True)
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(EventStoreError, match="was taken away while it was in use"):
        store.append([event("a")])
    another = EventStore.open(sqlite_events)
    with pytest.raises(EventStoreError, match="was taken away"):
        store.check(writes=True)
    assert another.append([event("a")]) == (1, 0)
    store.close()
    another.close()


def test_whether_it_can_be_used_is_told_without_changing_anything(
    event_store: EventStore,
) -> None:
    event_store.check()
    event_store.check(writes=True)
    assert everything(event_store) == []


def test_reading_makes_no_store(sqlite_events: str, tmp_path: Path) -> None:
    with pytest.raises(EventStoreError, match="cannot be opened: No such file"):
        EventStore.open(sqlite_events, writes=False)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_away_says_so_and_nothing_else(tmp_path: Path) -> None:
    url = f"postgresql://anna:secret@/shop?host={tmp_path}"
    with pytest.raises(EventStoreError) as found:
        EventStore.open(url)
    assert str(found.value).startswith("the PostgreSQL database cannot be read: connection is bad")
    assert "secret" not in str(found.value)


def test_what_is_no_database_says_so(sqlite_events: str, tmp_path: Path) -> None:
    (tmp_path / "events.db").write_text("no database at all" * 100)
    with pytest.raises(EventStoreError, match="file is not a database"):
        EventStore.open(sqlite_events)
