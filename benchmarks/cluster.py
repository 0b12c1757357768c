"""All three parts beyond one machine, on this one: python -m benchmarks.cluster --scratch DIR.

Starts an object store, Milvus, and a Dask scheduler with two workers; builds the sample and, with
MOVIELENS set, MovieLens through all of them, serves each with two services under a steady load,
swaps, and kills one of each kind with -9. Prints what was lost and how long it took until all was
well, and writes benchmarks/results/cluster.json. Needs root, or user namespaces, for the network
that Milvus is kept in.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.cluster_parts import parts
from benchmarks.drill import Drill, Step, Subject
from benchmarks.milvus_server import NoNetwork
from benchmarks.object_store import NoServer
from benchmarks.report import machine
from benchmarks.server import HERE

RESULTS = Path(__file__).parent / "results"
SAMPLE = Subject("sample", [HERE / "data/sample"], 64)
N_SWAPS = 5


def subjects() -> Iterator[Subject]:
    """The sample, and MovieLens where MOVIELENS names its folder."""
    yield SAMPLE
    if folder := os.environ.get("MOVIELENS"):
        yield Subject("movielens", [Path(folder), HERE / "data/movielens"], 512)


def drilled(scratch: Path, found: Iterator[Subject], *, n_swaps: int) -> Iterator[Step]:
    """Every step with every catalogue, in a folder below `scratch` that is removed behind it.

    Raises NoNetwork and NoServer.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=scratch))
    try:
        with parts(own) as running:
            for subject in found:
                yield from Drill(running, subject).run(n_swaps=n_swaps)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def as_markdown(steps: list[Step]) -> str:
    """The steps as a Markdown table."""
    head = (
        "| catalogue | step | all well after, s | of it away, s | answers | by the other service"
        " | 503, to be asked again | answers lost | builds lost | chunks encoded again |"
    )
    told = [
        f"| {one.catalogue} | {one.what} | {one.well_s:.1f} |"
        f" {'–' if one.away_s is None else f'{one.away_s:.1f}'} | {one.answers:,} |"
        f" {one.elsewhere} | {one.refused} | {one.answers_lost} | {one.builds_lost} |"
        f" {one.chunks_again} |"
        for one in steps
    ]
    return "\n".join([head, "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|", *told])


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path), help="Working folder.")
@click.option("--small", is_flag=True, help="The sample alone, one swap; nothing is written.")
def main(scratch: Path, small: bool) -> None:
    """Kill one of each kind, and tell what was lost."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is killed is told below
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    found = iter([SAMPLE]) if small else subjects()
    steps: list[Step] = []
    try:
        for step in drilled(scratch, found, n_swaps=1 if small else N_SWAPS):
            steps.append(step)
            click.echo(as_markdown([step]).splitlines()[-1], err=True)
            for why in step.why[:5]:
                click.echo(f"  lost: {why}", err=True)
    except (NoNetwork, NoServer) as error:
        raise click.ClickException(str(error)) from error
    click.echo(as_markdown(steps))
    if not small:
        told = {"machine": machine(), "steps": [asdict(one) for one in steps]}
        (RESULTS / "cluster.json").write_text(f"{json.dumps(told, indent=1)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
