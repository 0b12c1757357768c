"""A build killed at any moment leaves the live version as it was, and the next build cleans up."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shortlist.bundle import layout
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, load_snapshot
from tests.publishing import publish

pytestmark = pytest.mark.soak

BUILD = """
import os, signal, sys
from pathlib import Path
from indexing.job import build
from shortlist.encoder.machine import Precision

step = 0
def on_step(name):
    global step
    step += 1
    print(name, flush=True)
    if step == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
build(Path(sys.argv[1]), Path(sys.argv[2]), precision=Precision.F32, on_step=on_step)
"""
N_RANDOM = 40
KILLED = -9


def start_build(catalog: Path, artifacts: Path, *, kill_at_step: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(catalog), str(artifacts), str(kill_at_step)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def retitle(catalog: Path, number: int) -> None:
    """Another document, so that every build has something to encode."""
    movies = catalog.parent / "movies.csv"
    lines = movies.read_text(encoding="utf-8").splitlines()
    lines[1] = f"1,Star Voyage part {number} (1999),Adventure|Sci-Fi"
    movies.write_text("\n".join([*lines, ""]), encoding="utf-8")


def assert_serves_one_of(artifacts: Path, versions: set[str]) -> str:
    """The live version is one of these, loads with every check, and finds the voyage."""
    live = ArtifactStore(artifacts).live_folder()
    assert live.name in versions
    snapshot = load_snapshot(live, LoadOptions(precision=Precision.F32))
    assert ask(snapshot, SearchQuery(q="voyage to the stars", k=1)).results[0].item_id == 1
    return live.name


def test_a_killed_build_leaves_the_live_version_as_it_was(
    write_catalog: Callable[..., Path], tmp_path: Path, minilm_export: Path
) -> None:
    catalog, artifacts = write_catalog(), tmp_path / "artifacts"
    store = ArtifactStore(artifacts)
    first = publish(catalog, artifacts).version
    retitle(catalog, 0)
    started = time.monotonic()
    process = start_build(catalog, artifacts)
    steps = process.communicate()[0].splitlines()
    duration_s = time.monotonic() - started
    assert process.returncode == 0
    live = assert_serves_one_of(artifacts, set(store.versions()) - {first})

    for number, step in enumerate(steps, 1):
        retitle(catalog, number)
        process = start_build(catalog, artifacts, kill_at_step=number)
        printed = process.communicate()[0].splitlines()
        assert (process.returncode, printed[-1]) == (KILLED, step)
        was_moved = steps.index("published: CURRENT replaced") < number
        allowed = set(store.versions()) - {live} if was_moved else {live}
        live = assert_serves_one_of(artifacts, allowed)

    rng, killed, moved, finished = random.Random(0), 0, 0, 0
    while killed < N_RANDOM:
        retitle(catalog, 1000 + killed + finished)
        before = set(store.versions())
        process = start_build(catalog, artifacts)
        time.sleep(rng.uniform(0.3, 1.0) * duration_s)
        process.kill()
        process.communicate()
        allowed = {live} | (set(store.versions()) - before)
        found = assert_serves_one_of(artifacts, allowed)
        if process.returncode == KILLED:
            killed += 1
            moved += found != live
        else:
            finished += 1
            assert found != live, "a build that ended by itself has published"
        live = found

    retitle(catalog, 5000)
    last = publish(catalog, artifacts).version
    assert_serves_one_of(artifacts, {last})
    assert [path.name for path in artifacts.glob(f"{layout.STAGING_PREFIX}*")] == []
    assert [path.name for path in artifacts.glob(".CURRENT-*")] == []
    assert set(store.versions()) <= set(store.journal.history()), "no version that never was live"
    assert store.journal.open_intent() is None
    print(
        f"\n{len(steps)} kills at step ends, {killed} at random times of a build of"
        f" {duration_s:.1f} s ({moved} of them after CURRENT was replaced); after each the live"
        " version loaded and answered"
    )
    assert len(steps) + killed >= 50
