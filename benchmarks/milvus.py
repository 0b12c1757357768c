"""Milvus beside FAISS: python -m benchmarks.milvus --catalog DIR/catalog.toml --scratch DIR.

Recombines the texts of a catalogue into as many documents as asked for, really encodes them, and
asks both backends of the engine for the nearest 50 of short texts, one client: without a filter,
and where a half, 5 % and 1 % pass (of the last, few enough are scored without a call). Starts a
server of its own. Prints a Markdown table and writes benchmarks/results/milvus.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa

from benchmarks.growth import encode_corpus, recombined
from benchmarks.milvus_server import milvus_server
from benchmarks.report import machine
from indexing.catalog import read_catalog
from indexing.catalog.retrieval import Backend, CollectionIndex, RetrievalConfig
from indexing.catalog.toml import read_catalog_config
from indexing.collecting import Collecting
from indexing.collecting.owned import Collections
from indexing.documents import probe_texts
from indexing.export import cached_export, default_cache
from indexing.index import build_index
from indexing.models import resolve_model
from indexing.recall import RECALL_DEPTH
from shortlist.bundle.arrays import Csr, RowArray, Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.bundle.places import Places
from shortlist.bundle.tables import Categories, ItemTable, write_items
from shortlist.bundle.vectors import AllVectors
from shortlist.encoder.machine import Precision, available_cores
from shortlist.encoder.runtime import Encoder
from shortlist.engine.conditions import Filters
from shortlist.engine.lanes.segments import SegmentsRetriever, open_index, placed
from shortlist.engine.row_sets import RowSet

RESULTS = Path(__file__).parent / "results"
SHARES = (1.0, 0.5, 0.05, 0.01)
N_PROBES = 300
_SEED = 11
_GRAPH = "HNSW48,SQ8"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    items: int
    backend: str
    index: str
    params: str
    build_s: float
    passing: float
    recall: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Corpus:
    """What is asked: unit vectors [n, dim], probes [q, dim], and which rows carry a category."""

    vectors: Vectors
    probes: Vectors
    masks: dict[float, np.ndarray]
    items: ItemTable


def corpus_of(vectors: Vectors, probes: Vectors) -> Corpus:
    """The vectors with a category for each share of them, drawn at random."""
    rng = np.random.default_rng(_SEED)
    masks = {share: rng.random(len(vectors)) < share for share in SHARES}
    carried = np.stack(list(masks.values()), axis=1)
    offsets = np.concatenate([[0], np.cumsum(carried.sum(axis=1))])
    lists = Csr(offsets, np.nonzero(carried)[1].astype(np.int32))
    titles = pa.array([""] * len(vectors), pa.large_string())
    names = tuple(f"{share:g}" for share in SHARES)
    return Corpus(vectors, probes, masks, ItemTable(titles, Categories(lists, names), {}, None))


def measured(corpus: Corpus, folder: Path, info: RetrievalInfo) -> Iterator[tuple[float, Any]]:
    """Recall, p50 and p99 in milliseconds by the share that passes."""
    vectors, index = corpus.vectors, open_index(folder, info, corpus.vectors)
    rows = np.arange(len(vectors), dtype=np.int32)
    part = placed(index, rows, corpus.items)
    retriever = SegmentsRetriever([part], AllVectors([vectors], Places()))
    for share, mask in corpus.masks.items():
        among = RowSet.of_mask(mask)
        wanted = Filters.model_validate({"categories": {"any": [f"{share:g}"]}})

        def ask(probe: Vectors, among: RowSet = among, wanted: Filters = wanted) -> RowArray:
            if len(among) == among.n_items:
                return retriever.retrieve(probe, RECALL_DEPTH).rows
            how: dict[str, Any] = {"exact_up_to": 1000, "wanted": wanted}
            return retriever.retrieve_among(probe, RECALL_DEPTH, among, **how).rows

        yield share, timed(ask, corpus, among)


def timed(ask: Callable[[Vectors], RowArray], corpus: Corpus, among: RowSet) -> tuple[float, ...]:
    """Mean recall, and the 50th and the 99th percentile of what a question takes, in ms."""
    times_ms, recalls = [], []
    for probe in corpus.probes[: len(corpus.probes) // 10]:
        ask(probe)
    for probe in corpus.probes:
        started = time.perf_counter()
        found = ask(probe)
        times_ms.append((time.perf_counter() - started) * 1e3)
        scores = corpus.vectors[among.rows] @ probe
        truth = among.rows[np.argpartition(-scores, RECALL_DEPTH)[:RECALL_DEPTH]]
        recalls.append(len(np.intersect1d(found, truth)) / RECALL_DEPTH)
    p50, p99 = np.percentile(times_ms, [50, 99])
    return round(float(np.mean(recalls)), 4), round(float(p50), 2), round(float(p99), 2)


def lines(corpus: Corpus, scratch: Path, uri: str) -> Iterator[Row]:
    """Every backend built and measured."""
    items, rows = scratch / "items.arrow", np.arange(len(corpus.vectors), dtype=np.int32)
    write_items(items, corpus.items)

    def collect(folder: Path, index: CollectionIndex) -> RetrievalInfo:
        np.save(folder / "vectors.npy", corpus.vectors)
        config = RetrievalConfig(backend=Backend.MILVUS, uri=uri, index=index)
        how: dict[str, Any] = {"items": items, "rows": rows, "probes": lambda: corpus.probes}
        return Collecting(config, Collections(scratch)).build(corpus.vectors, folder, **how)

    def build(folder: Path, kind: str) -> RetrievalInfo:
        return build_index(corpus.vectors, folder, kind=kind, probes=lambda: corpus.probes)

    made: dict[str, Callable[[Path], RetrievalInfo]] = {
        "flat": lambda folder: build(folder, "flat"),
        "graph": lambda folder: build(folder, _GRAPH),
        **{one.value: partial(collect, index=one) for one in CollectionIndex},
    }
    for name, make in made.items():
        folder = scratch / f"{name}-{len(corpus.vectors)}"
        folder.mkdir()
        started = time.perf_counter()
        info = make(folder)
        built_s = round(time.perf_counter() - started, 1)
        params = {key: one for key, one in info.params.items() if isinstance(one, int)}
        told = " ".join(f"{key}={one}" for key, one in params.items())
        for share, (recall, p50, p99) in measured(corpus, folder, info):
            size = len(corpus.vectors)
            yield Row(size, info.backend, info.type, told, built_s, share, recall, p50, p99)


def as_markdown(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    head = (
        "| items | backend | index | search | build, s | passing | recall@50 | p50, ms | p99, ms |"
    )
    told = [
        f"| {row.items:,} | {row.backend} | {row.index} | {row.params or '–'} | {row.build_s:g} |"
        f" {row.passing:.0%} | {row.recall:.4f} | {row.p50_ms:.2f} | {row.p99_ms:.2f} |"
        for row in rows
    ]
    return "\n".join([head, "|---:|---|---|---|---:|---:|---:|---:|---:|", *told])


@click.command()
@click.option("--catalog", required=True, type=click.Path(path_type=Path), help="catalog.toml.")
@click.option("--scratch", required=True, type=click.Path(path_type=Path), help="Working folder.")
@click.option("--sizes", default="10000,60000", help="Corpus sizes.")
def main(catalog: Path, scratch: Path, sizes: str) -> None:
    """Measure both backends; vectors found in the working folder are taken from there."""
    scratch.mkdir(parents=True, exist_ok=True)
    read, n_cores = read_catalog(read_catalog_config(catalog)), available_cores()
    export = cached_export(resolve_model("all-MiniLM-L6-v2"), default_cache())
    encoder = Encoder(export, precision=Precision.AUTO, n_streams=n_cores, n_threads=n_cores)
    sample = next(recombined(read, 2000))
    tags = read.tags.table["tag"].unique().tolist() if read.tags else []
    probes = encoder.encode(probe_texts(read.items.titles.tolist(), tags, sample, n=N_PROBES))
    found: list[Row] = []
    for size in map(int, sizes.split(",")):
        path = scratch / f"milvus-{size}.npy"
        if not path.exists():
            encode_corpus(read, encoder, path, size)
        own = scratch / f"size-{size}"
        own.mkdir()
        with milvus_server() as server:
            for row in lines(corpus_of(np.load(path), probes), own, server.uri):
                found.append(row)
                click.echo(as_markdown([row]).splitlines()[-1], err=True)
        told = {"machine": machine(), "rows": [asdict(one) for one in found]}
        (RESULTS / "milvus.json").write_text(f"{json.dumps(told, indent=1)}\n", encoding="utf-8")
    click.echo(as_markdown(found))


if __name__ == "__main__":
    main()
