"""Watching CURRENT: what is loaded, what is kept, and what is said."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service import reloader as module
from service.live import SnapshotHolder
from service.reloader import Reloader
from shortlist.encoder.machine import Precision
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from tests.publishing import Publisher

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
    publisher.flip_a_byte(publisher.publish(), "index.faiss")
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
        publisher.flip_a_byte(publisher.publish(named("second")), "vectors.npy")
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
    publisher.flip_a_byte(corrupt, "vectors.npy")
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
