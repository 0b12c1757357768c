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
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

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
    programs = _programs()
    with _as_its_user() as (folder, how):
        _initialise(programs, folder, how)
        server = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", "-k", folder, "-c", "fsync=off",
             "-c", "listen_addresses="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how,
        )  # fmt: skip
        try:
            _wait_until_ready(programs, folder)
            yield folder
        finally:
            server.terminate()
            server.wait(READY_S)


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


@contextmanager
def _as_its_user() -> Iterator[tuple[Path, dict[str, Any]]]:
    """A folder of its own, and how its programs are run: PostgreSQL refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="shortlist-pg-"))  # a socket's path must be short
    how: dict[str, Any] = {"cwd": folder}
    try:
        if os.geteuid() == 0:
            user = pwd.getpwnam("nobody")
            os.chown(folder, user.pw_uid, user.pw_gid)
            how |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        yield folder, how
    finally:
        shutil.rmtree(folder)


def _initialise(programs: Path, folder: Path, how: dict[str, Any]) -> None:
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    initdb = [programs / "initdb", "-D", folder / "data", "-U", USER, "-A", "scram-sha-256"]
    options = [f"--pwfile={folder / 'password'}", "-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run([*initdb, *options], check=True, capture_output=True, **how)


def _wait_until_ready(programs: Path, folder: Path) -> None:
    ends_at = time.monotonic() + READY_S
    ready = [programs / "pg_isready", "-q", "-h", folder]
    while subprocess.run(ready, check=False).returncode:
        assert time.monotonic() < ends_at, "PostgreSQL does not start"
        time.sleep(0.05)


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
