"""What neighbours cost: python -m benchmarks.neighbours --catalog PATH --artifacts DIR.

Learns them from the catalogue's own ratings and from larger ones made of these, each in a process
of its own: seconds, peak memory, bytes an item. Then asks the published version for similar items
and recommendations with its neighbours and without them, in turn. Writes
benchmarks/results/neighbours.json.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from benchmarks import report
from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.neighbours.learn import learn_neighbours
from indexing.neighbours.likes import Likes, read_likes
from indexing.neighbours.models import Model
from indexing.neighbours.section import liked_from
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.query import RecommendQuery, SimilarQuery
from shortlist.engine.search import ranked
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

SEED = 20261124
N_QUERIES = 300
CASES = ((1, 1, "auto"), (1, 1, "cosine"), (6, 1, "auto"), (6, 6, "auto"))
"""How many times the catalogue's items and its users, and the model."""


@click.command()
@click.option("--catalog", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--case", hidden=True, nargs=3, type=(int, int, str))
def main(catalog: Path, artifacts: Path, case: tuple[int, int, str] | None) -> None:
    """Measure, print, write benchmarks/results/neighbours.json."""
    if case is not None:
        click.echo(json.dumps(_learnt(catalog, *case)))
        return
    measured = {
        "machine": report.machine(),
        "learning": [_in_a_process(catalog, artifacts, one) for one in CASES],
        "requests": _requests(artifacts),
    }
    text = json.dumps(measured, indent=1)
    (report.RESULTS / "neighbours.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


def _in_a_process(catalog: Path, artifacts: Path, case: tuple[int, int, str]) -> dict[str, Any]:
    """A process of its own, so that its peak memory is that of this case."""
    command = [sys.executable, "-m", "benchmarks.neighbours", "--catalog", str(catalog)]
    command += ["--artifacts", str(artifacts), "--case", *map(str, case)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _learnt(catalog_path: Path, items_times: int, users_times: int, model: str) -> dict[str, Any]:
    likes, n_items = _likes(catalog_path, items_times, users_times)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    learnt = learn_neighbours(likes, n_items=n_items, model=Model(model), quiet=True)
    seconds = time.perf_counter() - started
    assert learnt is not None
    n_bytes = learnt.neighbours.collaborative.nbytes + learnt.neighbours.co_liked.nbytes
    return {
        "items": n_items,
        "liked_items": likes.matrix.shape[1],
        "users": likes.matrix.shape[0],
        "likes": int(likes.matrix.nnz),
        "model": str(learnt.model),
        "seconds": round(seconds, 2),
        "before_mb": round(before_mb),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "bytes_per_item": round(n_bytes / n_items),
    }


def _likes(catalog_path: Path, items_times: int, users_times: int) -> tuple[Likes, int]:
    """The catalogue's likes; of more items each rating is of one of as many copies of its item."""
    catalog = read_catalog(read_catalog_config(catalog_path))
    assert catalog.ratings is not None
    rng = np.random.default_rng(SEED)
    parts = []
    for number in range(users_times):
        part = catalog.ratings.table[["row", "user", "value"]].copy()
        part["row"] += catalog.n_items * rng.integers(0, items_times, len(part))
        part["user"] = part["user"] + f" {number}"
        parts.append(part)
    n_items = catalog.n_items * items_times
    ids = pd.Series(np.arange(n_items))
    return read_likes(pd.concat(parts), ids, liked_from=liked_from(catalog)), n_items


def _requests(artifacts: Path) -> list[dict[str, Any]]:
    """Medians in ms, in process, with neighbours and without, one of each in turn."""
    snapshot = load_snapshot(ArtifactStore(artifacts).live_folder(), LoadOptions())
    sections = replace(snapshot.bundle.sections, neighbours=None)
    without = replace(snapshot, bundle=replace(snapshot.bundle, sections=sections))
    return [_timed(snapshot, without, n_liked) for n_liked in (1, 10, 100)]


def _timed(snapshot: Snapshot, without: Snapshot, n_liked: int) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    neighbours = snapshot.bundle.sections.neighbours
    assert neighbours is not None
    known = np.flatnonzero(neighbours.knows(np.arange(snapshot.bundle.n_items)))
    times: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(N_QUERIES):
        ids = [snapshot.bundle.ids.id_of(int(row)) for row in rng.permutation(known)[:n_liked]]
        query = SimilarQuery(item_id=ids[0]) if n_liked == 1 else RecommendQuery(liked=tuple(ids))
        for name, one in (("with", snapshot), ("without", without)):
            started = time.perf_counter()
            ranked(one, query)
            times[name].append((time.perf_counter() - started) * 1e3)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    differences = np.array(times["with"]) - np.array(times["without"])
    return {
        "query": "similar" if n_liked == 1 else f"recommend, {n_liked} liked",
        "with_ms": round(medians["with"], 3),
        "without_ms": round(medians["without"], 3),
        "neighbours_ms": round(float(np.median(differences)), 3),
    }


if __name__ == "__main__":
    main()
