"""Databases to read a catalogue from: a PostgreSQL server of the tests' own, and SQLite files."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest

USER, PASSWORD = "shopkeeper", "correct horse/battery"
QUOTED_PASSWORD = "correct%20horse%2Fbattery"
"""A user who may connect only with a password, as it is written in a url too."""

READY_S = 60


@dataclass(frozen=True)
class TestDatabase:
    """An empty database: its url, and what runs statements in it, each committed."""

    __test__ = False

    kind: str
    url: str
    run: Callable[..., None]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """The folder of a running server's socket; skips where PostgreSQL is not installed.

    With POSTGRESQL, the folder of its programs, set, a missing one is a failure.
    """
    with postgresql_in(Path(tempfile.mkdtemp(prefix=SHORT)), "fsync=off") as server:
        yield server.folder


class PostgreSQL:
    """A server of PostgreSQL over a folder of its own, which may be killed and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._programs, self._options = _programs(), options
        self._how = _as_its_user(folder)
        self._process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        """Make an empty cluster."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        initdb = [self._programs / "initdb", "-D", self.folder / "data", "-U", USER]
        more = ["-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-locale"]
        subprocess.run([*initdb, *more, "--no-sync"], check=True, capture_output=True, **self._how)

    def start(self) -> None:
        """Run, until it takes connections; nothing where it runs already."""
        if self._process is not None and self._process.poll() is None:
            return
        options = ("listen_addresses=", *self._options)
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder,
             *(part for one in options for part in ("-c", one))],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._how,
        )  # fmt: skip
        self._wait_until_ready()

    def kill(self) -> None:
        """End it and all its processes at once, as they are."""
        assert self._process is not None
        all_of_it = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for one in all_of_it:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self._process.wait(READY_S)
        psutil.wait_procs(all_of_it, READY_S)

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(READY_S)

    def url(self, name: str) -> str:
        """The url of a database in it."""
        return _url(self.folder, name)

    def _wait_until_ready(self) -> None:
        ends_at = time.monotonic() + READY_S
        ready = [self._programs / "pg_isready", "-q", "-h", self.folder]
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < ends_at, "PostgreSQL does not start"
            time.sleep(0.05)


SHORT = "shortlist-pg-"
"""How a folder's name begins that a server's socket lies in: its path must be short."""


@contextmanager
def postgresql_in(folder: Path, *options: str) -> Iterator[PostgreSQL]:
    """A running server over an empty folder, which is removed with it."""
    try:
        server = PostgreSQL(folder, *options)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    named = os.environ.get("POSTGRESQL")
    if named:
        assert (Path(named) / "initdb").is_file(), f"POSTGRESQL={named}: no initdb in it"
        return Path(named)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1] if found else Path(str(on_path)).resolve().parent


def _as_its_user(folder: Path) -> dict[str, Any]:
    """How its programs are run over a folder: PostgreSQL refuses to run as root."""
    how: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        how |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return how


_numbers = itertools.count(1)


@pytest.fixture
def postgresql(postgresql_server: Path) -> Iterator[TestDatabase]:
    """An empty database of PostgreSQL."""
    name = f"shop{next(_numbers)}"
    server = partial(_url, postgresql_server)
    _run("postgresql", server("postgres"), f"CREATE DATABASE {name}")
    url = server(name)
    yield TestDatabase("postgresql", url, partial(_run, "postgresql", url))
    _run("postgresql", server("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


def _url(folder: Path, name: str) -> str:
    return f"postgresql://{USER}:{QUOTED_PASSWORD}@/{name}?host={folder}"


def _run(kind: str, uri: str, *statements: str) -> None:
    """By the drivers that read: two libraries of SQLite in one process undo each other's locks."""
    driver = import_module(f"adbc_driver_{kind}.dbapi")
    with driver.connect(uri, autocommit=True) as connection:
        for statement in statements:
            with connection.cursor() as cursor:
                cursor.executescript(statement)


@pytest.fixture
def sqlite(tmp_path: Path) -> TestDatabase:
    """An empty SQLite file, to which one may write while another reads."""
    path = tmp_path / "a shop.db"

    run = partial(_run, "sqlite", str(path))
    run("PRAGMA journal_mode = WAL")
    return TestDatabase("sqlite", f"sqlite:///{path}", run)


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest) -> TestDatabase:
    """An empty database of each kind."""
    found: TestDatabase = request.getfixturevalue(request.param)
    return found
