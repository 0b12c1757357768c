"""python -m benchmarks: Shortlist against the reference notebook, in one run on the same data.

Both sides run in turn, in processes of their own, several times; the table shows medians and
the ratios of each round. MovieLens when MOVIELENS names its folder, else the bundled sample.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks import report, server
from indexing.export import cached_export, default_cache
from indexing.models import resolve_model

REPOSITORY = Path(__file__).resolve().parents[1]
Figures = dict[str, float]


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often each side runs.")
def main(rounds: int) -> None:
    """Measure, print the table, write benchmarks/results."""
    cached_export(resolve_model("all-MiniLM-L6-v2"), default_cache())
    with tempfile.TemporaryDirectory(prefix="shortlist-bench-") as scratch:
        folder = _data(Path(scratch) / "data")
        rows = [_round(folder, Path(scratch) / f"round-{n}", n) for n in range(rounds)]
        ceiling = _json("benchmarks.shortlist", "ceiling")
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    described: dict[str, Any] = {
        "machine": report.machine(),
        "data": "MovieLens ml-latest-small" if os.environ.get("MOVIELENS") else "bundled sample",
        "rounds": rows,
        "median": {**medians, **ceiling},
    }
    report.write(described)
    click.echo(report.table(described))


def _round(folder: Path, artifacts: Path, number: int) -> Figures:
    """Everything once, the two sides in turn."""
    click.echo(f"round {number + 1}: notebook", err=True)
    notebook, notebook_wall_s = _timed(lambda: _json("benchmarks.notebook", str(folder)))
    click.echo(f"round {number + 1}: encode, build, rebuild", err=True)
    encode = _json("benchmarks.shortlist", "encode", str(folder))
    _, build_s = _timed(lambda: _build(folder, artifacts))
    _, rebuild_same_s = _timed(lambda: _build(folder, artifacts))
    _change_documents(folder / "movies.csv", share=0.01)
    _, rebuild_changed_s = _timed(lambda: _build(folder, artifacts))
    click.echo(f"round {number + 1}: query, HTTP, memory", err=True)
    query = _json("benchmarks.shortlist", "query", str(artifacts))
    return {
        **{f"notebook_{name}": value for name, value in notebook.items()},
        "notebook_wall_s": notebook_wall_s,
        **encode,
        **query,
        "build_s": build_s,
        "rebuild_same_s": rebuild_same_s,
        "rebuild_changed_s": rebuild_changed_s,
        **_serve(artifacts),
    }


def _serve(artifacts: Path) -> Figures:
    with server.running(artifacts) as one:
        figures = {"start_s": one.start_s, **server.one_client(one)}
        figures.update({f"wrk_{name}": value for name, value in server.many_clients(one).items()})
        memory = server.memory_mb(one.workers()[0])
    with server.running(artifacts, "--workers", "2") as two:
        server.many_clients(two)
        pss = [server.memory_mb(worker)["pss_mb"] for worker in two.workers()]
    return {
        **figures,
        "worker_own_mb": memory["own_mb"],
        "worker_pss_mb": memory["pss_mb"],
        "further_worker_mb": sum(pss) - memory["pss_mb"],
    }


def _data(target: Path) -> Path:
    """A private copy of the data set, so that documents may be changed."""
    movielens = os.environ.get("MOVIELENS")
    source = Path(movielens) if movielens else REPOSITORY / "data/sample"
    target.mkdir()
    for path in source.glob("*.csv"):
        shutil.copyfile(path, target / path.name)
    described = "movielens" if movielens else "sample"
    shutil.copyfile(REPOSITORY / "data" / described / "catalog.toml", target / "catalog.toml")
    return target


def _change_documents(path: Path, *, share: float) -> None:
    """Another word in every hundredth title."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    step = round(1 / share)
    for place in range(1, len(lines), step):
        lines[place] = lines[place].replace("(", "restored (", 1)
    path.write_text("".join(lines), encoding="utf-8")


def _build(folder: Path, artifacts: Path) -> None:
    command = ["-m", "indexing", "build", "--catalog", str(folder / "catalog.toml")]
    _run([*command, "--artifacts", str(artifacts)])


def _json(module: str, *arguments: str) -> Figures:
    figures: Figures = json.loads(_run(["-m", module, *arguments]).splitlines()[-1])
    return figures


def _run(arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def _timed(action: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    value = action()
    return value, time.perf_counter() - started


if __name__ == "__main__":
    main()
