"""python -m indexing: 0 and one line, 1 and an explanation, 2 for a wrong call."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexing.__main__ import main
from shortlist.bundle.reader import open_bundle
from shortlist.bundle.store import ArtifactStore
from tests.catalogues import add_a_rating

Films = Callable[..., Path]


def call(*arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def test_a_build_ends_with_0_and_says_what_it_published(films: Films, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "indexing", "build", "--catalog", films(), "--artifacts", tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    version = ArtifactStore(tmp_path).current()
    assert re.fullmatch(
        rf"published {version}: 5 items \(5 encoded, 0 reused, 0 repeated\) in \d+\.\d s\n"
        rf"next: shortlist serve --artifacts {tmp_path}\n",
        done.stdout,
    )
    steps = re.findall(r"^ *\d+\.\d s  (.*)$", done.stderr, flags=re.MULTILINE)
    assert steps[0] == "catalogue read"
    assert steps[-3:] == ["gate passed", "published", "pruned"]
    assert "vectors written" in steps
    assert "encoding what is new of 5 documents" in done.stderr


def test_reuse_and_precision_are_options(films: Films, tmp_path: Path) -> None:
    path = films(('precision = "f32"', 'precision = "bf16"'))
    build = ("build", "--catalog", path, "--artifacts", tmp_path / "artifacts")
    assert "(5 encoded, 0 reused" in call(*build, "--precision", "f32")[1]
    add_a_rating(path)
    assert "(0 encoded, 5 reused" in call(*build, "--precision", "f32")[1]
    add_a_rating(path)
    assert "(5 encoded, 0 reused" in call(*build, "--precision", "f32", "--no-reuse")[1]
    folder = ArtifactStore(tmp_path / "artifacts").live_folder()
    assert open_bundle(folder).manifest.encoder.precision == "f32"


def test_a_refused_catalogue_ends_with_1_and_one_message(films: Films, live: Path) -> None:
    path, before = films(('title = "title"', 'titel = "title"')), ArtifactStore(live).current()
    code, out, err = call("build", "--catalog", path, "--artifacts", live)
    assert (code, out) == (1, "")
    assert err == (
        f"error: {path}: missing key 'items.title'\n"
        f"{path}: unknown key 'items.titel'; did you mean 'title'?\n"
    )
    assert ArtifactStore(live).current() == before


def test_a_missing_catalogue_ends_with_1(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    code, out, err = call("build", "--catalog", path, "--artifacts", tmp_path / "artifacts")
    assert (code, out) == (1, "")
    assert err == f"error: {path}: no such catalogue description; pass --catalog PATH\n"
    assert not (tmp_path / "artifacts").exists()


def test_artifacts_below_a_file_end_with_1(films: Films, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    artifacts = tmp_path / "file" / "artifacts"
    code, out, err = call("build", "--catalog", films(), "--artifacts", artifacts)
    assert (code, out) == (1, "")
    assert err == f"error: {artifacts}: cannot be written: Not a directory\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Usage: "),
        (("biuld",), "No such command 'biuld'"),
        (("build",), "Missing option '--catalog'"),
        (("build", "--catalog", "c.toml"), "Missing option '--artifacts'"),
        (
            ("build", "--catalog", "c.toml", "--artifacts", "a", "--precision", "f16"),
            "'f16' is not one of 'auto', 'f32', 'bf16'",
        ),
        (("build", "--catalog", "/", "--artifacts", "a"), "'/' is a directory"),
        (
            ("build", "--catalog", "c.toml", "--artifacts", __file__),
            "test_command_line.py' is a file",
        ),
    ],
)
def test_a_wrong_call_ends_with_2(arguments: tuple[str, ...], said: str) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert said in err
