"""What interleaving costs a search: python -m benchmarks.interleaving --artifacts DIR.

The engine with known query vectors, the same queries in turn: as without an experiment; drafted
from two profiles that rank the same candidates; from two that each gather their own. The rivals of
the default profile are the first of each kind that the bundle has. Writes
benchmarks/results/interleaving.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import report
from benchmarks.queries import distinct_queries
from shortlist.bundle.experiment import Experiment
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.plan import by_profile
from shortlist.engine.pool import gathers_alike
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask, ranked
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

N_QUERIES = 1000
SAME, OWN = "same candidates", "own candidates"


@click.command()
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, file_okay=False))
def main(artifacts: Path) -> None:
    """Measure, print, write benchmarks/results/interleaving.json."""
    snapshot = load_snapshot(ArtifactStore(artifacts).live_folder(), LoadOptions())
    rivals = rivals_of(snapshot)
    times = measured(snapshot, rivals, distinct_queries(N_QUERIES))
    found = {
        "machine": report.machine(),
        "items": snapshot.bundle.n_items,
        "profile": snapshot.bundle.manifest.default_profile,
        "rivals": rivals,
        **{name: {f"p{q}_ms": round(float(np.percentile(each, q)), 3) for q in (50, 99)}
           for name, each in times.items()},
    }  # fmt: skip
    text = json.dumps(found, indent=1)
    (report.RESULTS / "interleaving.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


def rivals_of(snapshot: Snapshot) -> dict[str, str]:
    """A profile of each kind beside the default one, by kind, as far as the bundle has them."""
    bundle, query = snapshot.bundle, SearchQuery(q="anything")
    pool = ranked(snapshot, query)
    rivals: dict[str, str] = {}
    for name in sorted(bundle.manifest.profiles):
        if name != bundle.manifest.default_profile:
            alike = gathers_alike(pool.plan, by_profile(bundle, query, pool.plan, name))
            rivals.setdefault(SAME if alike else OWN, name)
    return rivals


def measured(
    snapshot: Snapshot, rivals: Mapping[str, str], texts: list[str]
) -> dict[str, list[float]]:
    """Milliseconds of each query, by how it was answered; one after the other, nothing encoded."""
    ways: dict[str, Experiment | None] = {"alone": None}
    for name, candidate in rivals.items():
        control = snapshot.bundle.manifest.default_profile
        ways[name] = Experiment(name="cost", control=control, candidate=candidate, share=0.9)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number, text in enumerate(texts):
        vector = snapshot.encoder.encode(text)
        for name, experiment in ways.items():
            query, took_ms = SearchQuery(q=text), 0.0
            while not took_ms:  # a tenth takes no part, and is drawn again
                began = time.perf_counter()
                answer: Any = ask(snapshot, query, vector=vector, experiment=experiment)
                if (answer.experiment is None) == (experiment is None):
                    took_ms = (time.perf_counter() - began) * 1e3
            if number >= len(texts) // 10:
                times[name].append(took_ms)
    return times


if __name__ == "__main__":
    main()
