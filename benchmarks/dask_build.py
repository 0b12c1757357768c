"""What a Dask cluster adds to encoding: python -m benchmarks.dask_build --scratch DIR --items N.

Encodes the documents of recombined films as a build does, in this process and by one worker with
all cores, in turn, and compares the vectors. Prints and writes benchmarks/results/dask_build.json.
"""

from __future__ import annotations

import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click
import numpy as np

from benchmarks.catalogues import recombined
from benchmarks.dask_cluster import Cluster
from benchmarks.report import machine
from benchmarks.server import HERE
from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.chunks import ChunkEncoder, Chunks
from indexing.dask_chunks import dask_chunks
from indexing.documents import read_corpus
from indexing.encoding import Encoding, encoding_of
from shortlist.bundle.arrays import Vectors

RESULTS = Path(__file__).parent / "results"
READ = 65_536

Opened = Callable[[], AbstractContextManager[ChunkEncoder]]


class Corpora:
    """The documents of a catalogue as a build reads them, and who encodes them."""

    def __init__(self, catalog: Path, cluster: Cluster) -> None:
        config = read_catalog_config(catalog)
        self.encoding: Encoding = encoding_of(config, None)
        corpus = read_corpus(read_catalog(config))
        self.texts = list(dict.fromkeys(text for batch in corpus.documents(batch_rows=READ)
                                        for text in batch))  # fmt: skip
        self.systems: dict[str, Opened] = {
            "local": self.encoding.of_documents,
            "dask": lambda: dask_chunks(self.encoding, cluster.address, patience_s=60),
        }

    def encoded(self, opened: Opened) -> tuple[float, Vectors]:
        """Seconds from opening until all is encoded, and the vectors."""
        vectors = np.empty((len(self.texts), self.encoding.encoder.embedding_dim), np.float32)
        began = time.perf_counter()
        with opened() as encoder:
            chunks = Chunks(encoder, vectors.__setitem__, lambda _: None)
            for begin in range(0, len(self.texts), READ):
                batch = self.texts[begin : begin + READ]
                chunks.add(batch, begin + np.arange(len(batch)))
            chunks.finish()
            took_s = time.perf_counter() - began
        return took_s, vectors


def measured(corpora: Corpora, rounds: int) -> dict[str, list[float]]:
    """Seconds of each in turn. Raises RuntimeError where a vector differs."""
    times: dict[str, list[float]] = {name: [] for name in corpora.systems}
    first: Vectors | None = None
    for _ in range(rounds):
        for name, opened in corpora.systems.items():
            took_s, vectors = corpora.encoded(opened)
            first = vectors if first is None else first
            if not np.array_equal(first, vectors):
                raise RuntimeError(f"{name}: other vectors than at first")
            times[name].append(round(took_s, 2))
            click.echo(f"{name}: {took_s:.2f} s", err=True)
    return times


def told(n_documents: int, times: dict[str, list[float]]) -> dict[str, object]:
    """What is written: medians, and what the cluster adds to the local time."""
    medians = {name: statistics.median(each) for name, each in times.items()}
    return {
        "machine": machine(),
        "documents": n_documents,
        "seconds": times,
        "local_per_s": round(n_documents / medians["local"]),
        "dask_per_s": round(n_documents / medians["dask"]),
        "overhead": round(medians["dask"] / medians["local"] - 1, 3),
        "equal_to_the_bit": True,
    }


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path), help="Working folder.")
@click.option("--items", default=100_000, show_default=True, help="Recombined films.")
@click.option("--rounds", default=3, show_default=True, help="How often each encodes.")
def main(scratch: Path, items: int, rounds: int) -> None:
    """Encode here and by a worker of a cluster, in turn."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    scratch.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=scratch))
    try:
        size = {"n_items": items, "n_ratings": items, "n_users": max(100, items // 10)}
        catalog = recombined(own / "films", **size)
        cluster = Cluster(own, HERE)
        try:
            cluster.start_worker()
            corpora = Corpora(catalog, cluster)
            found = told(len(corpora.texts), measured(corpora, rounds))
        finally:
            cluster.end()
    finally:
        shutil.rmtree(own, ignore_errors=True)
    text = json.dumps(found, indent=1)
    (RESULTS / "dask_build.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
