"""Events and searches while the store dies, comes back and has no room: nothing lost or doubled.

SOAK_EVENTS_S is how long each store is used, by default a short while; a long run takes 600.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shortlist.events.store import EventStore
from tests.databases import SHORT, PostgreSQL
from tests.serving import Serve, Service
from tests.soak.load import Load, under_load

pytestmark = pytest.mark.soak

EVENTS_S = float(os.environ.get("SOAK_EVENTS_S", "20"))
N_SENDERS, TOGETHER = 2, 20
AWAY_S = 4.0


@dataclass
class Sender:
    """One client that sends events, and sends again what was not acknowledged."""

    service: Service
    number: int
    acknowledged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    n_accepted: int = 0

    def run(self, stop: threading.Event) -> None:
        count = 0
        while not stop.is_set():
            names = [f"s{self.number}-{count + place}" for place in range(TOGETHER)]
            count += TOGETHER
            while not self._send(names):
                if stop.wait(0.1):
                    self.unknown += names
                    return
            self.acknowledged += names
            stop.wait(0.02)

    def _send(self, names: list[str]) -> bool:
        """Whether they were acknowledged."""
        events = [
            {"event_id": one, "type": "click", "item_id": 10, "session_id": f"v{self.number}"}
            for one in names
        ]
        try:
            status, told = post(self.service, {"events": events})
        except (OSError, http.client.HTTPException, ValueError):
            self.statuses[0] += 1
            return False
        self.statuses[status] += 1
        if status not in {202, 503}:
            self.failures.append(f"{status} {told}")
        if status == 202:
            self.n_accepted += told["accepted"]
            if told["accepted"] + told["repeated"] != len(names):
                self.failures.append(f"{told} of {len(names)}")
        return status == 202


def post(service: Service, body: object) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/events", json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@contextmanager
def sending(service: Service) -> Iterator[list[Sender]]:
    """Senders of events, who remember the id of each; beside the load of `under_load`."""
    stop = threading.Event()
    senders = [Sender(service, number) for number in range(N_SENDERS)]
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in senders]
    for thread in threads:
        thread.start()
    try:
        yield senders
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def disk_of(megabytes: int) -> Iterator[Path]:
    """A file system of its own; needs the right to mount one."""
    folder = Path(tempfile.mkdtemp(prefix=SHORT))
    size = f"size={megabytes}m"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("a small file system cannot be mounted here: run the tests as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not a byte is left on a disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while file.write(bytes(size)) == size:
                    continue
            except OSError:
                continue
    try:
        yield
    finally:
        filler.unlink()


def wait_until(service: Service, degraded: bool, meanwhile: Callable[[], object] = int) -> None:
    """Until several fresh connections, and so both workers, say so."""

    def look() -> bool:
        meanwhile()
        return all(service.readiness()["degraded"] is degraded for _ in range(8))

    service.wait_for(look, 60)


def check(store: EventStore, senders: list[Sender]) -> int:
    """Nothing acknowledged is lost, nothing is there that was not sent, nothing twice."""
    stored = Counter(one.event_id for batch in store.batches() for one in batch)
    acknowledged = {name for one in senders for name in one.acknowledged}
    unknown = {name for one in senders for name in one.unknown}
    assert [one.failures for one in senders] == [[]] * N_SENDERS
    assert set(stored.values()) == {1}
    assert acknowledged <= stored.keys() <= acknowledged | unknown
    assert sum(one.n_accepted for one in senders) <= len(stored)
    answers = [one.query_id for batch in store.query_batches() for one in batch]
    assert len(set(answers)) == len(answers) > 0
    return len(stored)


def tell(n_stored: int, senders: list[Sender], load: Load, began: float) -> None:
    statuses = sum((one.statuses for one in senders), Counter[int]())
    took = sorted(answer.took_s for answer in load.answers)
    print(
        f"\n{n_stored} events, {n_stored / (time.monotonic() - began):.0f}/s, statuses"
        f" {dict(statuses)}; {len(took)} searches, p99 {1e3 * took[int(0.99 * len(took))]:.0f} ms,"
        f" slowest {1e3 * took[-1]:.0f} ms"
    )


def test_nothing_acknowledged_is_lost_when_postgresql_dies_and_its_disk_is_full(
    sample_artifacts: Path, serve: Serve
) -> None:
    with disk_of(300 + int(2 * EVENTS_S)) as disk:
        server = PostgreSQL(disk, "max_wal_size=64MB", "min_wal_size=32MB")
        server.initialise()
        server.start()
        try:
            url = server.url("postgres")
            events = {"SHORTLIST_EVENTS": url}
            service = serve(sample_artifacts, "--workers", "2", environment=events).ready()
            began = time.monotonic()
            with under_load(service, 4) as load, sending(service) as senders:
                time.sleep(EVENTS_S / 3)
                server.kill()
                wait_until(service, degraded=True)
                time.sleep(AWAY_S)
                server.start()
                wait_until(service, degraded=False)
                time.sleep(EVENTS_S / 3)
                with full(disk):
                    wait_until(service, degraded=True)
                    time.sleep(AWAY_S)
                wait_until(service, degraded=False, meanwhile=server.start)
                time.sleep(EVENTS_S / 3)
            assert load.failures == [] and set(load.statuses()) == {200}
            store = EventStore.open(url, writes=False)
            tell(check(store, senders), senders, load, began)
            store.close()
        finally:
            service.kill()
            server.stop()
    assert all(one.statuses[503] for one in senders)


def test_nothing_acknowledged_is_lost_when_workers_die_and_the_disk_of_sqlite_is_full(
    sample_artifacts: Path, serve: Serve
) -> None:
    with disk_of(64 + int(2 * EVENTS_S)) as disk:
        url = f"sqlite:///{disk}/events.db"
        events = {"SHORTLIST_EVENTS": url}
        service = serve(sample_artifacts, "--workers", "2", environment=events).ready()
        began = time.monotonic()
        try:
            with under_load(service, 4) as load, sending(service) as senders:
                time.sleep(EVENTS_S / 3)
                with full(disk):
                    wait_until(service, degraded=True)
                    time.sleep(AWAY_S)
                wait_until(service, degraded=False)
                time.sleep(EVENTS_S / 3)
                assert load.failures == [] and set(load.statuses()) == {200}
                for worker in service.workers():
                    os.kill(worker, signal.SIGKILL)
                    service.wait_for(lambda: len(service.workers()) == 2)
                    time.sleep(EVENTS_S / 6)
                wait_until(service, degraded=False)
            assert set(load.statuses()) == {200}
            store = EventStore.open(url, writes=False)
            tell(check(store, senders), senders, load, began)
            store.close()
        finally:
            service.kill()
    assert all(one.statuses[503] for one in senders)
