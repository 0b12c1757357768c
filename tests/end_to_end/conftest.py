"""`python -m service` as a process of its own, in a fresh HOME and without CI."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import psutil
import pytest

T = TypeVar("T")

LONG_S = 60
_LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


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


class Service:
    """A running `python -m service`, listening on a port of its own."""

    def __init__(
        self,
        artifacts: Path,
        *options: str,
        folder: Path,
        repository: Path,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.private = Private.below(folder)
        self._log = folder / "log"
        arguments = ["--artifacts", str(artifacts), "--port", "0", "--precision", "f32", *options]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service", *arguments],
                cwd=folder,
                env={**self.private.environment(repository), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.port = int(self.wait_for(self._port))
        except BaseException:
            self.kill()
            raise

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    def _port(self) -> str | None:
        found = _LISTENING.search(self.log)
        return found[1] if found else None

    def wait_for(self, look: Callable[[], T | None]) -> T:
        """The first answer of `look` that is not None, False or empty."""
        until = time.monotonic() + LONG_S
        while time.monotonic() < until:
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.log}"
            if found := look():
                return found
            time.sleep(0.02)
        raise AssertionError(f"waited {LONG_S} s in vain; the log: {self.log}")

    def get(self, path: str, **parameters: object) -> tuple[int, Any]:
        """Status and JSON body of one request."""
        target = f"{path}?{urlencode(parameters)}" if parameters else path
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
        except (ConnectionError, http.client.HTTPException):
            return None

    def ready(self) -> Service:
        """Itself, once it has a bundle to serve."""
        self.wait_for(lambda: self.status_of("/readyz") == 200)
        return self

    def children(self) -> list[psutil.Process]:
        """Every process below the one that was started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> int:
        """Its exit code after TERM."""
        self.process.terminate()
        return self.process.wait(LONG_S)

    def kill(self) -> None:
        """End it and its children if it still runs."""
        if self.process.poll() is None:
            children = self.children()
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
            for child in children:
                if child.is_running():
                    child.kill()


Serve = Callable[..., Service]


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Serve]:
    """Starts the service over an artifacts folder; ended at the end of the test."""
    running: list[Service] = []

    def start(artifacts: Path, *options: str, environment: dict[str, str] | None = None) -> Service:
        folder = tmp_path_factory.mktemp("service")
        running.append(
            Service(
                artifacts,
                *options,
                folder=folder,
                repository=repository,
                environment=environment,
            )
        )
        return running[-1]

    yield start
    for service in running:
        service.kill()


@pytest.fixture(scope="session")
def sample_service(
    sample_artifacts: Path, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> Iterator[Service]:
    """One worker that serves the bundled sample and caches no query."""
    folder = tmp_path_factory.mktemp("sample-service")
    service = Service(sample_artifacts, "--query-cache", "0", folder=folder, repository=repository)
    try:
        yield service.ready()
    finally:
        service.kill()


@pytest.fixture
def private(tmp_path: Path) -> Private:
    """Empty folders in the place of HOME, the cache and TMPDIR."""
    return Private.below(tmp_path)
