"""One build in a process of its own, with what each step took and the memory that it had.

python -m benchmarks.measured_build CATALOG ARTIFACTS [--stand-in] prints one line of JSON. Vectors
of documents come from `benchmarks.stand_in` if it is asked for: it takes the encoder's place where
documents are embedded, and nowhere else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click

from benchmarks.catalogues import source_folder
from benchmarks.stand_in import StandIn
from indexing import segments
from indexing.chunks import LocalChunks
from indexing.embeddings import embed_corpus
from indexing.job import build

_EVERY_S = 0.05


@dataclass(frozen=True)
class Built:
    """What a build took: seconds of every step, in their order; megabytes at their most.

    `peak_mb` has mapped file pages in it (VmHWM), `own_peak_mb` has not (RssAnon, looked at every
    0.05 s). `fit` is that of a stand-in's vectors, None without one.
    """

    total_s: float
    steps: dict[str, float]
    peak_mb: float
    own_peak_mb: float
    encoded: int
    recall: float | None
    fit: dict[str, float] | None

    def seconds(self, *steps: str) -> float:
        """What these steps took together."""
        return sum(self.steps.get(one, 0.0) for one in steps)


ENCODING, GRAPH = "vectors written", "index written"
"""The steps that end with the vectors of documents, and with the index over them."""


def in_child(catalog: Path, artifacts: Path, *, stand_in: bool) -> Built:
    """Build a catalogue in a process of its own. Raises CalledProcessError when it fails."""
    options = ["--stand-in"] if stand_in else []
    command = [sys.executable, "-m", __name__, str(catalog), str(artifacts), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Built(**json.loads(done.stdout.splitlines()[-1]))


class _Sampler(threading.Thread):
    """The most anonymous memory that this process is seen to have."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most_mb = 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(_EVERY_S):
            self.most_mb = max(self.most_mb, memory_mb("RssAnon"))


def memory_mb(key: str, pid: int | str = "self") -> float:
    """A number of /proc/PID/status in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 1024


@click.command()
@click.argument("catalog", type=click.Path(path_type=Path, exists=True))
@click.argument("artifacts", type=click.Path(path_type=Path, file_okay=False))
@click.option("--stand-in", is_flag=True, help="Do not really encode the documents.")
def main(catalog: Path, artifacts: Path, stand_in: bool) -> None:
    """Build and print what it took."""
    made: list[StandIn] = []
    steps: dict[str, float] = {}
    sampler = _Sampler()
    sampler.start()
    began = last = time.perf_counter()

    def on_step(name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        steps[name] = round(steps.get(name, 0.0) + now - last, 2)
        last = now
        click.echo(f"{name:32} {steps[name]:9.2f} s", err=True)

    with patch.object(
        segments, "embed_corpus", partial(_embed, made) if stand_in else embed_corpus
    ):
        report = build(catalog, artifacts, on_step=on_step)
    total_s = time.perf_counter() - began
    sampler.ended.set()
    fit = made[0].fit if made else None
    found = Built(
        total_s=round(total_s, 2),
        steps=steps,
        peak_mb=round(memory_mb("VmHWM"), 1),
        own_peak_mb=round(sampler.most_mb, 1),
        encoded=report.counts.encoded,
        recall=report.manifest.recall,
        fit=None if fit is None else asdict(fit),
    )
    click.echo(json.dumps(asdict(found)))


def _embed(made: list[Any], batches: Any, encoder: Any, writer: Any, **how: Any) -> Any:
    """As `embed_corpus`, with a stand-in where the encoder was."""
    if not made:
        made.append(StandIn(encoder.encoder, source_folder()))
    return embed_corpus(batches, _OneByOne(made[0], encoder.threads, prompt=""), writer, **how)


class _OneByOne(LocalChunks):
    """Chunks one after the other: the first is what a stand-in is fitted to."""

    at_once = 1


if __name__ == "__main__":
    main()
