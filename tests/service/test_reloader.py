"""Watching CURRENT: what is loaded, what is kept, and what is said."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from service import reloader as module
from service.attempts import try_apart
from service.live import SnapshotHolder
from service.reloader import Reloader
from shortlist.bundle.blocklist import BlocklistFile
from shortlist.bundle.journal import Event, Journal
from shortlist.encoder.machine import Precision
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from tests.publishing import INDEX, VECTORS, Publisher

OPTIONS = LoadOptions(precision=Precision.F32)
LONG_S = 20
ABSENT = "20200101T000000.000Z-0123456789ab"


def named(name: str) -> Callable[[dict[str, Any]], object]:
    """A change that gives the catalogue another name, and so makes another version."""
    return lambda manifest: manifest["catalog"].update(name=name)


class Watched:
    """A reloader that is told when to look, its holder, and the loads it has tried."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.holder = SnapshotHolder()
        self.reloader = Reloader(root, self.holder, OPTIONS, poll_s=0.05)
        self.loads: list[str] = []
        self.done = threading.Semaphore(0)
        monkeypatch.setattr(module, "load_snapshot", self._load)

    def _load(self, folder: Path, options: LoadOptions, **more: Any) -> Snapshot:
        self.loads.append(folder.name)
        try:
            return load_snapshot(folder, options, **more)
        finally:
            self.done.release()

    @property
    def serves(self) -> str | None:
        """The version in use."""
        snapshot = self.holder.peek()
        return snapshot.version if snapshot else None

    @property
    def state(self) -> tuple[str | None, str | None]:
        """The version in use, and the problem with what CURRENT names."""
        return self.serves, self.holder.problem


@pytest.fixture
def watched(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """A reloader over the publisher's folder, not started."""
    watched = Watched(publisher.root, monkeypatch)
    yield watched
    watched.reloader.stop()


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def said(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_an_empty_folder_is_reported_once_and_filled_later(
    watched: Watched, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        watched.reloader.check()
    assert (watched.serves, watched.loads) == (None, [])
    assert said(caplog, logging.ERROR) == [watched.holder.problem]
    assert f"{publisher.root}: nothing is published here; run `make index`" in caplog.text
    version = publisher.publish()
    watched.reloader.check()
    assert watched.state == (version, None)
    assert said(caplog, logging.INFO) == [f"serving {version}: 5 items"]


def test_a_version_is_loaded_once(watched: Watched, publisher: Publisher) -> None:
    version = publisher.publish()
    for _ in range(3):
        watched.reloader.check()
    assert watched.loads == [version]


def test_a_later_version_takes_over_and_an_earlier_one_too(
    watched: Watched, publisher: Publisher
) -> None:
    first = publisher.publish()
    watched.reloader.check()
    second = publisher.publish(named("second"))
    watched.reloader.check()
    assert watched.serves == second
    publisher.point_at(first)
    watched.reloader.check()
    assert watched.serves == first
    assert watched.loads == [first, second, first]


def test_requests_under_way_finish_on_the_snapshot_they_took(
    watched: Watched, publisher: Publisher
) -> None:
    publisher.publish()
    watched.reloader.check()
    old = watched.holder.get()
    shutil.rmtree(old.bundle.folder)
    publisher.publish(named("second"))
    watched.reloader.check()
    assert watched.holder.get() is not old
    vector = old.encoder.encode("robots at dawn")
    row = old.retriever.retrieve(vector, 1).rows[0]
    assert old.bundle.ids.id_of(row) == 4


@pytest.mark.parametrize("text", ["", "!garbage!", "../../etc/passwd", "\xff", ABSENT])
def test_a_current_that_names_no_bundle_keeps_the_old_snapshot_and_is_reported_once(
    watched: Watched, publisher: Publisher, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    first = publisher.publish()
    watched.reloader.check()
    publisher.point_at(text)
    for _ in range(3):
        watched.reloader.check()
    assert watched.serves == first
    (error,) = said(caplog, logging.ERROR)
    assert error == watched.holder.problem
    assert (ABSENT if text == ABSENT else "CURRENT") in error


def test_a_corrupt_version_is_not_loaded_again_at_every_look(
    watched: Watched, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    first = publisher.publish()
    watched.reloader.check()
    corrupt = publisher.publish(named("second"))
    publisher.flip_a_byte(corrupt, "items.arrow")
    for _ in range(3):
        watched.reloader.check()
    assert (watched.serves, watched.loads) == (first, [first, corrupt])
    (error,) = said(caplog, logging.ERROR)
    assert error == watched.holder.problem
    assert error.startswith(f"{corrupt}: items.arrow: SHA-256 is ")


def test_a_sound_version_after_a_corrupt_one_is_loaded(
    watched: Watched, publisher: Publisher
) -> None:
    publisher.flip_a_byte(publisher.publish(), INDEX)
    watched.reloader.check()
    assert watched.serves is None
    second = publisher.publish(named("second"))
    watched.reloader.check()
    assert watched.state == (second, None)


@pytest.mark.parametrize("broken", ["garbage", "corrupt", "missing"])
def test_going_back_to_the_version_in_use_ends_the_problem(
    watched: Watched, publisher: Publisher, broken: str
) -> None:
    first = publisher.publish()
    watched.reloader.check()
    if broken == "corrupt":
        publisher.flip_a_byte(publisher.publish(named("second")), VECTORS)
    else:
        publisher.point_at(ABSENT if broken == "missing" else "!garbage!")
    watched.reloader.check()
    assert watched.holder.problem is not None
    publisher.point_at(first)
    watched.reloader.check()
    assert watched.state == (first, None)


def test_a_folder_that_arrives_after_current_names_it_is_loaded(
    watched: Watched,
    publisher: Publisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "_RETRY_S", 0, raising=False)
    version = publisher.publish()
    (publisher.root / version).rename(tmp_path / version)
    for _ in range(3):
        watched.reloader.check()
    assert watched.serves is None
    assert len(said(caplog, logging.ERROR)) == 1
    (tmp_path / version).rename(publisher.root / version)
    watched.reloader.check()
    assert watched.state == (version, None)


def test_a_second_problem_is_reported_beside_the_first(
    watched: Watched, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    corrupt = publisher.publish()
    publisher.flip_a_byte(corrupt, VECTORS)
    watched.reloader.check()
    publisher.point_at("!garbage!")
    watched.reloader.check()
    publisher.point_at(corrupt)
    watched.reloader.check()
    errors = said(caplog, logging.ERROR)
    assert [error.split(":")[0] for error in errors[::2]] == [corrupt, corrupt]
    assert "!garbage!" in errors[1]
    assert watched.holder.problem == errors[2]


def test_starting_loads_at_once_and_then_watches(watched: Watched, publisher: Publisher) -> None:
    first = publisher.publish()
    watched.reloader.start()
    assert watched.serves == first
    assert watched.done.acquire(timeout=0)
    second = publisher.publish(named("second"))
    assert watched.done.acquire(timeout=LONG_S)
    watched.reloader.stop()  # joins the thread that is about to swap
    assert watched.serves == second


def test_after_stop_nothing_is_loaded_and_no_thread_is_left(
    watched: Watched, publisher: Publisher
) -> None:
    others = set(threading.enumerate())  # other tests' services, which run all the while
    watched.reloader.start()
    mine = {thread.name for thread in set(threading.enumerate()) - others}
    assert mine == {"reloader", "blocklist"}
    began = time.monotonic()
    watched.reloader.stop()
    assert time.monotonic() - began < LONG_S
    left = {thread.name for thread in set(threading.enumerate()) - others}
    assert not left & {"reloader", "blocklist"}
    publisher.publish()
    assert watched.loads == []


def test_an_unexpected_error_refuses_the_version_and_watching_goes_on(
    watched: Watched,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched.reloader.start()
    failed = threading.Event()

    def fail(*_: object, **__: object) -> Snapshot:
        failed.set()
        raise RuntimeError("a defect")

    monkeypatch.setattr(module, "load_snapshot", fail)
    refused = publisher.publish()
    assert failed.wait(LONG_S)
    monkeypatch.setattr(module, "load_snapshot", watched._load)
    version = publisher.publish(named("second"))
    assert watched.done.acquire(timeout=LONG_S)
    watched.reloader.stop()
    assert watched.serves == version
    assert f"loading {refused} failed" in caplog.text
    assert "a defect" in caplog.text


class Panic(BaseException):
    """What the tokenizers library raises when it panics: no Exception."""


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> Snapshot:
        raise error

    monkeypatch.setattr(module, "load_snapshot", fail)


def test_a_panic_of_a_library_refuses_the_version_and_a_later_good_one_is_loaded(
    watched: Watched, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publisher.publish()
    watched.reloader.check()
    failing(monkeypatch, Panic("called `Option::unwrap()` on a `None` value"))
    refused = publisher.publish(named("second"))
    watched.reloader.check()
    assert watched.state == (first, f"{refused}: loading failed: Panic")
    monkeypatch.setattr(module, "load_snapshot", watched._load)
    third = publisher.publish(named("third"))
    watched.reloader.check()
    assert watched.state == (third, None)


def test_a_load_that_never_ends_is_given_up_and_a_later_version_is_loaded(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, end = SnapshotHolder(), threading.Event()
    reloader = Reloader(publisher.root, holder, OPTIONS, poll_s=60, load_s=LONG_S)
    first = publisher.publish()
    reloader.check()
    monkeypatch.setattr(module, "load_snapshot", lambda *_, **__: end.wait(LONG_S))
    monkeypatch.setattr(reloader, "_load_s", 0.05)
    endless = publisher.publish(named("endless"))
    reloader.check()
    assert holder.problem == f"{endless}: not loaded within 0.05 s (load_s), given up"
    assert holder.get().version == first
    apart: list[str] = []

    def tried(folder: Path, options: LoadOptions, *, within_s: float) -> str:
        apart.append(folder.name)
        return f"it was not loaded within {within_s:g} s by a process of its own"

    monkeypatch.setattr(module, "try_apart", tried)
    monkeypatch.setattr(reloader, "_retry_at", 0.0)
    reloader.check()
    assert apart == [endless], "not in this process again"
    end.set()
    monkeypatch.setattr(module, "load_snapshot", load_snapshot)
    monkeypatch.setattr(reloader, "_load_s", LONG_S)
    third = publisher.publish(named("third"))
    reloader.check()
    assert (holder.get().version, holder.problem, apart) == (third, None, [endless])


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def with_memory(publisher: Publisher, memory: Path) -> tuple[Reloader, SnapshotHolder]:
    memory.mkdir(exist_ok=True)
    holder = SnapshotHolder()
    return Reloader(publisher.root, holder, OPTIONS, poll_s=60, memory=memory), holder


def test_a_version_that_ended_a_worker_is_refused_and_the_one_before_serves(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "memory"
    reloader, holder = with_memory(publisher, memory)
    good = publisher.publish()
    reloader.check()
    assert [path.name for path in memory.iterdir()] == ["last-good"]
    deadly = publisher.publish(named("deadly"))
    (memory / f"loading-{deadly}-{dead_pid()}").touch()
    reloader, holder = with_memory(publisher, memory)
    monkeypatch.setattr(module, "try_apart", lambda *_, **__: "it was ended by SIGSEGV")
    reloader.start()
    reloader.stop()
    assert holder.get().version == good
    assert holder.problem == f"{deadly}: it was ended by SIGSEGV"
    assert holder.refused == deadly


def test_a_version_that_ended_a_worker_by_chance_is_loaded_after_all(
    publisher: Publisher, tmp_path: Path
) -> None:
    """A kill in the middle of a load says nothing of the version."""
    memory = tmp_path / "memory"
    reloader, holder = with_memory(publisher, memory)
    version = publisher.publish()
    (memory / f"loading-{version}-{dead_pid()}").touch()
    reloader.check()
    assert (holder.get().version, holder.problem) == (version, None)
    assert [path.name for path in memory.iterdir()] == ["last-good"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("kill -SEGV $$", "a process of its own that loaded it was ended by SIGSEGV"),
        ("exec sleep 60", "it was not loaded within 0.2 s by a process of its own"),
        ("echo first >&2; echo damaged >&2; exit 1", "damaged"),
    ],
)
def test_a_version_is_tried_apart_whatever_becomes_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: str
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    assert try_apart(tmp_path, OPTIONS, within_s=0.2 if "sleep" in script else LONG_S) == expected


def test_a_broken_version_is_refused_apart_by_the_same_words(publisher: Publisher) -> None:
    version = publisher.publish()
    publisher.flip_a_byte(version, "items.arrow")
    problem = try_apart(publisher.root / version, OPTIONS, within_s=LONG_S)
    assert problem is not None
    assert problem.startswith("items.arrow: SHA-256 is ")


def started(publisher: Publisher) -> SnapshotHolder:
    """What a worker has that has just started."""
    holder = SnapshotHolder()
    reloader = Reloader(publisher.root, holder, OPTIONS, poll_s=60)
    reloader.start()
    reloader.stop()
    return holder


def test_a_worker_that_starts_on_a_broken_version_serves_one_that_was_live_before(
    publisher: Publisher,
) -> None:
    journal = Journal(publisher.root / "JOURNAL")
    oldest, older = publisher.publish(), publisher.publish(named("older"))
    for version in (oldest, older, "20260101T000000.000Z-000000000000"):
        journal.append(Event.DONE, source=None, target=version, why="build")
    broken = publisher.publish(named("broken"))
    publisher.flip_a_byte(broken, VECTORS)
    holder = started(publisher)
    assert holder.get().version == older
    assert holder.refused == broken
    publisher.flip_a_byte(older, VECTORS)
    holder = started(publisher)
    assert holder.get().version == oldest


def test_what_was_refused_at_the_start_is_not_loaded_once_more(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    sound, broken = publisher.publish(), publisher.publish(named("broken"))
    for version in (sound, broken):
        Journal(publisher.root / "JOURNAL").append(
            Event.DONE, source=None, target=version, why="build"
        )
    publisher.flip_a_byte(broken, VECTORS)
    holder = started(publisher)
    (error,) = said(caplog, logging.ERROR)
    assert error.startswith(f"{broken}: {VECTORS}")
    assert (holder.get().version, holder.refused) == (sound, broken)


def test_a_live_version_whose_folder_is_gone_serves_on_and_is_told(
    watched: Watched, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    version = publisher.publish()
    watched.reloader.check()
    shutil.rmtree(publisher.root / version)
    for _ in range(2):
        watched.reloader.check()
    assert watched.serves == version
    (error,) = said(caplog, logging.ERROR)
    assert error.endswith(f"{version}: is gone; it serves on from memory, and no longer")
    assert watched.holder.problem == error


@pytest.mark.parametrize("name", ["CURRENT", "BLOCKLIST"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    watched: Watched, publisher: Publisher, name: str
) -> None:
    first = publisher.publish()
    watched.reloader.check()
    (publisher.root / name).unlink(missing_ok=True)
    os.mkfifo(publisher.root / name)
    watched.reloader.check()
    watched.reloader.check_blocklist()
    problem = watched.holder.problem or watched.holder.blocklist_problem
    assert problem is not None
    assert f"{name}: not a regular file" in problem
    assert watched.serves == first


@pytest.mark.parametrize("how", ["dangling", "directory", "unreadable", "gone"])
def test_what_was_blocked_stays_blocked_while_the_list_cannot_be_read(
    watched: Watched, publisher: Publisher, tmp_path: Path, how: str
) -> None:
    publisher.publish()
    path = publisher.root / "BLOCKLIST"
    path.write_text("1\n")
    watched.reloader.check()
    assert len(watched.holder.get().blocked_rows) == 1
    path.unlink()
    if how == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    elif how == "directory":
        path.mkdir()
    elif how == "unreadable":
        path.write_bytes(b"\xff1")
    else:
        publisher.root.rename(tmp_path / "unmounted")
    watched.reloader.check_blocklist()
    assert len(watched.holder.get().blocked_rows) == 1
    assert watched.holder.blocklist_problem is not None
    if how == "gone":
        publisher.root.mkdir()  # an empty folder where something was mounted
        watched.reloader.check_blocklist()
        assert len(watched.holder.get().blocked_rows) == 1
        (tmp_path / "unmounted").rename(publisher.root)
    else:
        path.rmdir() if how == "directory" else path.unlink()
    watched.reloader.check_blocklist()
    assert len(watched.holder.get().blocked_rows) == 0
    assert watched.holder.blocklist_problem is None


def test_a_list_that_did_not_change_is_not_read_again(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publisher.root / "BLOCKLIST"
    path.write_text("1\n2\n")
    file = BlocklistFile(path)
    first = file.read()
    assert (first.ids, file.read() is first) == ({"1", "2"}, True)
    path.write_text("1\n2\n3\n")
    assert file.read().ids == {"1", "2", "3"}


def test_a_thread_that_does_not_come_back_from_a_file_is_told() -> None:
    holder = SnapshotHolder()
    with holder.looking("CURRENT", 0.5):
        assert holder.stuck() is None
        with holder.looking("BLOCKLIST", -10):
            assert holder.stuck() == "BLOCKLIST: has waited for a file for seconds"
    assert holder.stuck() is None


@pytest.mark.parametrize("name", ["CURRENT", "BLOCKLIST"])
def test_a_folder_in_the_place_of_a_file_costs_no_descriptors(
    watched: Watched, publisher: Publisher, name: str
) -> None:
    publisher.publish()
    watched.reloader.check()
    (publisher.root / name).unlink(missing_ok=True)
    (publisher.root / name).mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        watched.reloader.check()
        watched.reloader.check_blocklist()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 5


def test_a_list_of_gigabytes_is_not_read(publisher: Publisher) -> None:
    path = publisher.root / "BLOCKLIST"
    path.touch()
    os.truncate(path, 3 << 30)
    with pytest.raises(OSError, match="3221225472 bytes, expected at most 67108864"):
        BlocklistFile(path).read()


def test_a_process_that_tries_a_version_ends_by_itself(tmp_path: Path, repository: Path) -> None:
    """Also when the worker that waited for it is gone: a pipe for a manifest is read for ever."""
    os.mkfifo(tmp_path / "manifest.json")
    command = [sys.executable, "-m", "service.attempts", str(tmp_path), "f32", "1"]
    done = subprocess.run(command, cwd=repository, timeout=LONG_S, check=False)
    assert done.returncode == -signal.SIGALRM


def test_a_watcher_that_ends_ends_the_worker(
    watched: Watched, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish()
    signals: list[tuple[int, int]] = []
    told = threading.Event()

    def kill(pid: int, number: int) -> None:
        signals.append((pid, number))
        told.set()

    def die(_: object) -> None:
        raise Panic

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(watched.reloader, "_guarded", die)
    thread = threading.Thread(target=watched.reloader._watch, args=("reloader", print))
    thread.start()
    assert told.wait(LONG_S)
    thread.join()
    assert signals == [(os.getpid(), signal.SIGTERM)]
    assert watched.holder.problem == "the thread reloader has ended; the worker ends too"


def test_cursors_of_a_refused_version_wait_for_nothing_and_few_wait_at_a_time(
    watched: Watched, publisher: Publisher
) -> None:
    live = publisher.publish()
    watched.reloader.check()
    looks: list[str] = []

    def current() -> str:
        looks.append(ABSENT)
        return ABSENT

    holder = SnapshotHolder(current=current)
    holder.swap(watched.holder.get())
    holder.refuse(ABSENT, f"{ABSENT}: damaged")
    assert holder.at(ABSENT).version == live
    holder.settle()
    with ExitStack() as waiting:
        for _ in range(4):
            waiting.enter_context(holder._waiting)
        assert holder.at(ABSENT).version == live
    assert looks == [], "nobody has waited"
