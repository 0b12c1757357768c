"""A service under load, for tests that kill, swap and break things."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import psutil
import pytest

QUERIES = [
    "space travel and futuristic wars", "robots", "a kitchen", "love story", "aliens on a farm",
    "silent field", "funny cook", "voyage to the stars", "dawn", "romantic drama", "comedy",
    "adventure in the deep sea",
]  # fmt: skip


@dataclass
class Service:
    """A running `python -m service`."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON body of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def ready(self) -> dict[str, Any]:
        """The body of /readyz, whatever its status."""
        return self.get("/readyz")[1]

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def wait_for(self, version: str, within_s: float = 20) -> float:
        """Wait until every one of several fresh connections is answered from this version.

        Returns the seconds it took.
        """
        return until(
            lambda: all(self.ready().get("version") == version for _ in range(6)), within_s
        )


def until(condition: Callable[[], bool], within_s: float) -> float:
    """Wait until the condition holds; returns the seconds it took."""
    started = time.monotonic()
    while time.monotonic() - started < within_s:
        if condition():
            return time.monotonic() - started
        time.sleep(0.02)
    raise AssertionError(f"not so within {within_s} s")


@dataclass(frozen=True)
class Answered:
    """One request of the load: when it began, how long it took, its status and body."""

    at: float
    took_s: float
    status: int
    body: dict[str, Any]
    query: str


@dataclass
class Load:
    """Connections that search without a pause until they are stopped."""

    service: Service
    n_connections: int
    answers: list[Answered] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        """One connection, opened anew after every 40 requests."""
        count = number
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=30)
            try:
                for _ in range(40):
                    if self._stop.is_set():
                        break
                    self._ask(connection, QUERIES[count % len(QUERIES)])
                    count += 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(f"{time.monotonic():.3f} {error!r}")
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPConnection, query: str) -> None:
        at = time.monotonic()
        connection.request("GET", f"/v1/search?q={quote_plus(query)}&k=5")
        response = connection.getresponse()
        body = json.loads(response.read())
        self.answers.append(Answered(at, time.monotonic() - at, response.status, body, query))

    def stop(self) -> None:
        """No further requests."""
        self._stop.set()

    def statuses(self) -> dict[int, int]:
        """How many answers had each status."""
        counts: dict[int, int] = {}
        for answer in list(self.answers):
            counts[answer.status] = counts.get(answer.status, 0) + 1
        return counts


@contextmanager
def loaded(service: Service, n_connections: int = 8) -> Iterator[Load]:
    """A steady load for as long as the block runs."""
    load = Load(service, n_connections)
    threads = [threading.Thread(target=load.run, args=(n,)) for n in range(n_connections)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop()
        for thread in threads:
            thread.join()


StartService = Callable[..., Service]


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    """Starts services; every one still running at the end is killed, with its workers."""
    started: list[subprocess.Popen[bytes]] = []

    def start(artifacts: Path, *arguments: str, expect_ready: bool = True) -> Service:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = tmp_path / f"service-{len(started)}.log"
        command = [sys.executable, "-m", "service", "--artifacts", str(artifacts)]
        options = ["--port", str(port), "--precision", "f32", "--poll-s", "0.1"]
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [*command, *options, *arguments],
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                env={**os.environ, "TMPDIR": str(tmp_path)},
            )
        started.append(process)
        service = Service(port, process, log)
        wanted = {200} if expect_ready else {200, 503}
        until(lambda: _status(service) in wanted, 60)
        return service

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _status(service: Service) -> int:
    try:
        return service.get("/readyz")[0]
    except (OSError, http.client.HTTPException):
        return 0


@pytest.fixture
def under_load() -> Callable[..., Any]:
    """The context manager `loaded`, for tests in this folder."""
    return loaded


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool], float], float]:
    """The function `until`, for tests in this folder."""
    return until
