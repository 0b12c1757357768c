"""Names of folders and addresses: none is ever taken for the other."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import shortlist
from indexing.job import build
from service.checks import check_artifacts
from service.config import read_settings
from shortlist.bundle.location import Address, location_of
from shortlist.bundle.store import ArtifactStore
from shortlist.bundle.stores import open_store
from shortlist.errors import SettingsError, StoreError
from tests.test_architecture import run_fresh


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data/artifacts", Path("data/artifacts")),
        ("/srv/a:b/c", Path("/srv/a:b/c")),
        ("file:///srv/with%20blank", Path("/srv/with blank")),
        (Path("file:///srv/a"), Path("/srv/a")),
        ("file://localhost/srv/a", Path("/srv/a")),
        ("s3://bucket", Address("s3", "bucket", "")),
        ("S3://bucket/deep/prefix/", Address("s3", "bucket", "deep/prefix")),
        (Path("s3://bucket/deep"), Address("s3", "bucket", "deep")),
        ("gs://my-bucket.example/x", Address("gs", "my-bucket.example", "x")),
    ],
)
def test_a_text_names_a_folder_or_an_address(text: str | Path, found: Path | Address) -> None:
    assert location_of(text) == found
    assert location_of(str(found)) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://host/x", "ftp:// is not known; bundles lie in a folder, or at an address"),
        ("http:/host", "http:// is not known"),
        ("s3://", "expected s3://bucket/prefix"),
        ("s3://b", "expected s3://bucket/prefix"),
        ("s3://bucket/../other", "expected s3://bucket/prefix"),
        ("s3://bucket//x", "expected s3://bucket/prefix"),
        ("s3://KEY:SECRET@bucket/x", "keys, passwords and options belong in the environment"),
        ("s3://bucket/x?secret=SECRET", "keys, passwords and options belong in the environment"),
        ("file://host/x", "a folder of this machine"),
        ("file:///", "a folder of this machine"),
    ],
)
def test_what_is_neither_is_refused_without_being_quoted(text: str, said: str) -> None:
    with pytest.raises(StoreError) as caught:
        location_of(text)
    assert said in str(caught.value)
    assert "SECRET" not in str(caught.value)
    with pytest.raises(SettingsError):
        read_settings({"SHORTLIST_ARTIFACTS": text})


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("build", "--catalog", "c.toml"),
    ("apply", "c.jsonl"),
    ("follow",),
    ("compact",),
    ("versions",),
    ("verify",),
    ("rollback",),
    ("prune",),
    ("diff", "a", "b"),
    ("evaluate", "--catalog", "c.toml"),
    ("tune", "--catalog", "c.toml"),
    ("search", "stars"),
    ("serve",),
)


@pytest.mark.parametrize("module", ["shortlist"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one[0])
def test_without_the_extra_every_command_says_so_in_one_line(
    command: tuple[str, ...], module: str, tmp_path: Path, repository: Path
) -> None:
    script = (
        "import sys, runpy, importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'obstore' else real(name, *more)\n"
        f"sys.argv[0] = {module!r}\n"
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command, "--artifacts", "s3://bucket/prefix"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(repository), "PATH": "/usr/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {1, 2}, done.stderr
    said = done.stderr.splitlines()[-1]
    assert "s3://bucket/prefix needs obstore, which is not installed; install shortlist[s3]" in said
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_makes_a_folder_of_an_address(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for use in (open_store, shortlist.open, partial(build, toys)):
        with pytest.raises(StoreError, match="the environment has no credentials; set AWS_ACCESS"):
            use(Path("s3://bucket/prefix"))
    with pytest.raises(StoreError, match="no folder; an address is opened by open_store"):
        ArtifactStore(Path("s3://bucket/prefix"))
    assert list(folder.iterdir()) == []


def test_a_service_refuses_what_it_cannot_do_there(monkeypatch: pytest.MonkeyPatch) -> None:
    address = Address("s3", "bucket", "x")
    with pytest.raises(SettingsError, match="no credentials"):
        check_artifacts(address, writes=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    check_artifacts(address, writes=False)
    with pytest.raises(
        SettingsError, match="writes: changes are taken over HTTP where bundles lie"
    ):
        check_artifacts(address, writes=True)


LOADED = """
import json, sys
import {modules}
from shortlist.bundle.stores import open_store
open_store("artifacts").versions()
open_store("file:///nowhere/artifacts").versions()
print(json.dumps({{"modules": sorted(sys.modules)}}))
"""


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("service.app, shortlist.opened", ("obstore", "shortlist.bundle.remote", "pyarrow._s3fs")),
        # Parquet brings PyArrow's file systems into a build.
        ("indexing.job, indexing.__main__", ("obstore", "shortlist.bundle.remote")),
    ],
)
def test_a_folder_loads_no_library_of_object_stores(
    modules: str, unwanted: tuple[str, ...], repository: Path
) -> None:
    loaded = run_fresh(LOADED.format(modules=modules), repository=repository)["modules"]
    assert isinstance(loaded, list)
    assert [one for one in loaded if one.startswith(unwanted)] == []
