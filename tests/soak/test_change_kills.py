"""A killed follower leaves the live version as it was, and every change is made once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexing.changing.follower import Follower
from indexing.changing.publisher import Publisher
from indexing.job import build
from shortlist.bundle import layout
from shortlist.bundle.change_log import LOG, ChangeLog
from shortlist.bundle.changes import Change, Op
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import load_snapshot
from tests.indexing.changes.goods import START, write
from tests.publishing import OPTIONS

pytestmark = pytest.mark.soak

FOLLOW = """
import os, signal, sys
from pathlib import Path
from indexing.changing.follower import Follower
from indexing.changing.publisher import Publisher
from shortlist.bundle.store import ArtifactStore

step = 0
def on_step(name):
    global step
    step += 1
    print(name, flush=True)
    if step == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
store = ArtifactStore(Path(sys.argv[1]))
Follower(store, Publisher(store, on_step=on_step)).step()
"""
N_RANDOM = 20
KILLED = -9


def start(artifacts: Path, *, kill_at_step: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", FOLLOW, str(artifacts), str(kill_at_step)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def record(number: int) -> list[Change]:
    """A new item, another price of an old one, and an item that goes and comes again."""
    item = {"sku": f"n{number}", "name": f"robot number {number}", "price": number}
    back = {"sku": "back", "name": "it is back", "price": number}
    return [
        Change(Op.UPSERT, f"n{number}", item),
        Change(Op.PATCH, "s1", {"price": number}),
        Change(Op.DELETE, "back", {}),
        Change(Op.UPSERT, "back", back),
    ]


def check(store: ArtifactStore) -> int:
    """The live version loads and answers, and has what it says; returns how far it has the log."""
    snapshot = load_snapshot(store.live_folder(), OPTIONS)
    bundle = snapshot.bundle
    through = bundle.manifest.applied.get(LOG, 0)
    ids = bundle.ids.ids.to_pylist()
    assert len(set(ids)) == len(ids)
    assert {f"n{number}" for number in range(1, through + 1)} == {
        one for one in ids if one.startswith("n")
    }
    for sku in ("s1", "back") if through else ():
        row = bundle.ids.row_of(sku)
        assert row is not None
        assert bundle.items.attributes["price"][row].as_py() == float(through)
    assert ask(snapshot, SearchQuery(q="robot", k=3)).results
    return through


def test_a_killed_follower_makes_every_change_once(
    tmp_path: Path, tiny_model: Path, tiny_export: Path
) -> None:
    build(write(tmp_path / "goods", tiny_model, START, rated=True), tmp_path / "artifacts")
    store = ArtifactStore(tmp_path / "artifacts")
    log, number = ChangeLog(store.root), 0

    def acknowledged() -> int:
        nonlocal number
        number += 1
        assert log.append(record(number)) == number
        return number

    acknowledged()
    started = time.monotonic()
    process = start(store.root)
    steps = process.communicate()[0].splitlines()
    duration_s = time.monotonic() - started
    assert (process.returncode, check(store)) == (0, 1)
    moved_at = steps.index("published: CURRENT replaced")

    for place, step in enumerate(steps, 1):
        acknowledged()
        before = check(store)
        process = start(store.root, kill_at_step=place)
        printed = process.communicate()[0].splitlines()
        assert (process.returncode, printed[-1]) == (KILLED, step)
        assert check(store) == (number if place > moved_at else before)

    rng, killed = random.Random(0), 0
    while killed < N_RANDOM:
        acknowledged()
        process = start(store.root)
        time.sleep(rng.uniform(0.3, 1.0) * duration_s)
        process.kill()
        process.communicate()
        killed += process.returncode == KILLED
        check(store)

    Follower(store, Publisher(store)).step()
    assert (check(store), log.through()) == (number, number)
    assert [path.name for path in store.root.glob(f"{layout.STAGING_PREFIX}*")] == []
    assert store.journal.open_intent() is None
    print(
        f"\n{len(steps)} kills at step ends, {killed} at random times; {number} records made once"
    )
