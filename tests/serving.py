"""The service: as a process with a HOME of its own and without CI, or as an app in this one."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import psutil
import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.app import create_app
from service.config import Settings
from shortlist.bundle.location import Location
from shortlist.encoder.machine import Precision

T = TypeVar("T")

LONG_S = 60
SERVICE = (sys.executable, "-m", "service")
_LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


def until(look: Callable[[], T | None], within_s: float = LONG_S) -> T:
    """The first answer of `look` that is not None, False or empty."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {within_s} s in vain")


@dataclass
class Private:
    """Folders that stand in for HOME, the cache and TMPDIR; all empty in the beginning."""

    home: Path
    cache: Path
    temporary: Path

    @classmethod
    def below(cls, folder: Path) -> Private:
        """Three new folders below this one."""
        private = cls(folder / "home", folder / "cache", folder / "tmp")
        for path in (private.home, private.cache, private.temporary):
            path.mkdir()
        return private

    def environment(self, repository: Path) -> dict[str, str]:
        """The environment of a process that knows no other home, and no CI."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name != "CI" and not name.startswith(("SHORTLIST_", "XDG_"))
        }
        return {
            **kept,
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.cache),
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": str(repository),
        }

    def leftovers(self) -> list[str]:
        """Whatever was written into these folders."""
        folders = (self.home, self.cache, self.temporary)
        return [str(path) for folder in folders for path in folder.rglob("*")]


def patient(artifacts: Location, **given: Any) -> Settings:
    """Settings of an app in this process: exact, for a busy machine, reloaded when asked to."""
    return Settings(
        **{
            "artifacts": artifacts,
            "precision": Precision.F32,
            "poll_s": 60,
            "deadline_s": LONG_S,
            **given,
        }
    )


class Service:
    """A running service, started by any command that ends in one, in a process group of its own."""

    port: int

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        private: Private | None = None,
    ) -> None:
        self.private = private
        self._log = log
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    def listening(self, within_s: float = LONG_S) -> Service:
        """Itself, once it listens on a port."""
        self.port = int(self.wait_for(lambda: _LISTENING.search(self.log), within_s)[1])
        return self

    def ready(self) -> Service:
        """Itself, once it has a bundle to serve."""
        self.wait_for(lambda: self.status_of("/readyz") == 200)
        return self

    def wait_for(self, look: Callable[[], T | None], within_s: float = LONG_S) -> T:
        """As `until`, while it runs."""

        def look_while_it_runs() -> T | None:
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.log}"
            return look()

        try:
            return until(look_while_it_runs, within_s)
        except AssertionError as error:
            error.add_note(f"the log: {self.log}")
            raise

    def wait_for_version(self, version: str, within_s: float = 20) -> float:
        """The seconds until each of several fresh connections is answered from this version."""
        started = time.monotonic()
        self.wait_for(
            lambda: all(self.readiness().get("version") == version for _ in range(6)), within_s
        )
        return time.monotonic() - started

    def get(self, path: str, **parameters: object) -> tuple[int, Any]:
        """Status and JSON body of one request on a connection of its own."""
        target = f"{path}?{urlencode(parameters, doseq=True)}" if parameters else path
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG_S)
        try:
            connection.request("GET", target)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def status_of(self, path: str) -> int | None:
        """The status of one request, None while there is no answer."""
        try:
            return self.get(path)[0]
        except (OSError, http.client.HTTPException):
            return None

    def readiness(self) -> dict[str, Any]:
        """The body of /readyz, whatever its status."""
        body: dict[str, Any] = self.get("/readyz")[1]
        return body

    def children(self) -> list[psutil.Process]:
        """Every process below the one that was started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def stop(self) -> int:
        """Its exit code after TERM."""
        self.process.terminate()
        return self.process.wait(LONG_S)

    def kill(self) -> None:
        """End whatever still runs of its process group, gently first."""
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


Serve = Callable[..., Service]


@contextmanager
def services(root: pytest.TempPathFactory, repository: Path) -> Iterator[Serve]:
    """A way to start services over an artifacts folder, all ended when the block is left.

    Each listens on a free port, and has a HOME, cache and TMPDIR of its own.
    """
    started: list[Service] = []

    def start(
        artifacts: Path,
        *options: str,
        command: Sequence[str] = SERVICE,
        environment: Mapping[str, str] | None = None,
    ) -> Service:
        folder = root.mktemp("service")
        private = Private.below(folder)
        told = ("--artifacts", str(artifacts), "--port", "0", "--precision", "f32", *options)
        service = Service(
            [*command, *told],
            folder=folder,
            environment={**private.environment(repository), **(environment or {})},
            log=folder / "log",
            private=private,
        )
        started.append(service)
        return service.listening()

    try:
        yield start
    finally:
        for service in started:
            service.kill()


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Serve]:
    """Starts the service over an artifacts folder; ended at the end of the test."""
    with services(tmp_path_factory, repository) as start:
        yield start


@pytest.fixture(scope="session")
def sample_service(
    sample_artifacts: Path, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> Iterator[Service]:
    """One worker that serves the bundled sample and caches no query."""
    with services(tmp_path_factory, repository) as start:
        yield start(sample_artifacts, "--query-cache", "0").ready()


@pytest.fixture
def private(tmp_path: Path) -> Private:
    """Empty folders in the place of HOME, the cache and TMPDIR."""
    return Private.below(tmp_path)


ClientOf = Callable[[Path], FlaskClient]


@contextmanager
def clients() -> Iterator[ClientOf]:
    """A way to ask the service over an artifacts folder in this process, stopped in the end.

    Its reloader looks at CURRENT only when asked to.
    """
    apps: list[Flask] = []

    def start(artifacts: Path) -> FlaskClient:
        apps.append(create_app(patient(artifacts)))
        return apps[-1].test_client()

    try:
        yield start
    finally:
        for app in apps:
            app.extensions["reloader"].stop()


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """Starts the service over any artifacts folder; stopped at the end of the test."""
    with clients() as start:
        yield start


@pytest.fixture(scope="session")
def sample_client(sample_artifacts: Path) -> Iterator[FlaskClient]:
    """The service over the bundled sample."""
    with clients() as start:
        yield start(sample_artifacts)


@pytest.fixture(scope="session")
def tiny_client(tiny_artifacts: Path) -> Iterator[FlaskClient]:
    """The service over the five films."""
    with clients() as start:
        yield start(tiny_artifacts)
