"""Searching under filters at size: python -m benchmarks.filters --scratch DIR [--items N].

Writes a bundle of made-up items, whose vectors lie in clusters, with an approximate index into DIR
unless it is there (a million take ten minutes of two cores and 4 GB). Prints p50 and p99 of
retrieval and of whole searches (the query's vector known), unfiltered and by the share of items
that pass a filter: asked for the first time in a version's life, and again; recall@50 against
scoring one and all; and what five facets add. Writes benchmarks/results/filters.json and .md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import faiss
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks import report
from benchmarks.attributes import FACETS, own_megabytes
from benchmarks.clusters import Clusters
from benchmarks.loading import SEED, write_bundle
from indexing.index import approximate, build_index
from indexing.recall import RECALL_DEPTH
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.attributes import CODED
from shortlist.engine.conditions import Attributes, Categories, Filters, Range
from shortlist.engine.filters import passing
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

N_PROBES, N_COMPARED, N_TUNED = 200, 100, 600
N_DRAWS, N_SHELVES = 1000, 10
DIM = 384
TEXT = "something to read"
NOBODY = np.empty(0, np.int64)

FILTERS = {
    "half": Filters(ranges={"draw": Range(max=N_DRAWS // 2 - 1)}),
    "a tenth": Filters(ranges={"draw": Range(max=N_DRAWS // 10 - 1)}),
    "1 in 100": Filters(ranges={"draw": Range(max=N_DRAWS // 100 - 1)}),
    "1 in 1000": Filters(ranges={"draw": Range(max=0)}),
    "in stock": Filters(attributes=Attributes(any={"in_stock": ("true",)})),
    "a category": Filters(categories=Categories(any=("category 3",))),
    "a brand": Filters(attributes=Attributes(any={"brand": ("value 000007",)})),
    "every other cluster": Filters(
        attributes=Attributes(any={"shelf": tuple(f"shelf {n}" for n in range(0, N_SHELVES, 2))})
    ),
    "a tenth of the clusters": Filters(attributes=Attributes(any={"shelf": ("shelf 3",)})),
}


class Made:
    """What is made up of one catalogue: vectors in clusters, and what items have beside."""

    def __init__(self, n_items: int) -> None:
        self._clusters = Clusters(np.random.default_rng(SEED), DIM)
        self._n_items = n_items
        self._of: list[npt.NDArray[np.int64]] = []

    def draw(self, _: np.random.Generator, n: int, __: int) -> Vectors:
        """Vectors of the next items."""
        rows, of = self._clusters.draw(n)
        self._of.append(of)
        return rows

    def probes(self, n: int) -> Vectors:
        """Vectors of queries, drawn once all items are."""
        return self._clusters.draw(n)[0]

    def attributes(self) -> dict[str, pa.Array]:
        """A number from 0 to 999 drawn for each item, and a shelf of ten by its cluster."""
        drawn = np.random.default_rng(SEED).integers(N_DRAWS, size=self._n_items)
        shelves = pa.array([f"shelf {n}" for n in range(N_SHELVES)], pa.large_string())
        codes = (np.concatenate(self._of) % N_SHELVES).astype(np.int32)
        shelf = pa.DictionaryArray.from_arrays(codes, shelves).cast(CODED)
        return {"draw": pa.array(drawn), "shelf": shelf}


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--items", "n_items", default=1_000_000, show_default=True)
def main(scratch: Path, n_items: int) -> None:
    """Measure, print, write benchmarks/results/filters.json and .md."""
    own = scratch / f"clusters-{n_items}"
    folders = list(own.glob("2*/manifest.json"))
    folder = folders[0].parent if folders else _write(own, n_items)
    faiss.omp_set_num_threads(1)
    before = own_megabytes()
    snapshot = load_snapshot(folder, LoadOptions())
    (info,) = (one.info.retrieval for one in snapshot.bundle.segments)
    whole = {
        "machine": report.machine(),
        "items": n_items,
        "params": info.params,
        "recall": info.recall,
        "filtered_recall": info.filtered_recall,
        "rows": measure(snapshot, np.load(own / "probes.npy")),
        "own_mb": round(own_megabytes() - before),
        "kept_mb": round(snapshot.kept.nbytes / 1e6, 1),
    }
    (report.RESULTS / "filters.json").write_text(f"{json.dumps(whole, indent=1)}\n", "utf-8")
    text = table(whole)
    (report.RESULTS / "filters.md").write_text(text, encoding="utf-8")
    click.echo(text)


def _write(own: Path, n_items: int) -> Path:
    own.mkdir(parents=True)
    made = Made(n_items)

    def index(vectors: Vectors, folder: Path) -> Any:
        np.save(own / "probes.npy", made.probes(N_PROBES))
        tuned = partial(made.probes, N_TUNED)
        kind = approximate(DIM, n_items=n_items)
        return build_index(vectors, folder, kind=kind, probes=tuned)

    return write_bundle(own, n_items, draw=made.draw, index=index, more=made.attributes)


def measure(snapshot: Snapshot, probes: Vectors) -> list[dict[str, Any]]:
    """A row for each filter, the first without one: shares, recall, and milliseconds."""
    return [_row(snapshot, probes, *one) for one in {"none": Filters(), **FILTERS}.items()]


def _row(snapshot: Snapshot, probes: Vectors, name: str, wanted: Filters) -> dict[str, Any]:
    found, retriever = passing(snapshot.bundle, wanted, NOBODY).whole, snapshot.retriever

    def among(probe: Vectors, exact_up_to: int) -> npt.NDArray[np.int64]:
        return retriever.retrieve_among(
            probe, RECALL_DEPTH, found.afresh(), exact_up_to=exact_up_to
        ).rows

    def near(probe: Vectors) -> npt.NDArray[np.int64]:
        if not wanted:
            return retriever.retrieve(probe, RECALL_DEPTH).rows
        return among(probe, snapshot.exact_up_to)

    recalls = []
    for probe in probes[:N_COMPARED]:
        truth = among(probe, len(found))
        recalls.append(len(np.intersect1d(near(probe), truth)) / len(truth))
    query = SearchQuery(q=TEXT, k=20, filters=wanted)
    counting = query.model_copy(update={"facets": FACETS})
    asked: dict[str, Callable[[Vectors], object]] = {
        "retrieval": near,
        "first": lambda probe: ask(replace(snapshot), query, vector=probe),
        "again": lambda probe: ask(snapshot, query, vector=probe),
        "facets": lambda probe: ask(snapshot, counting, vector=probe),
    }
    return {
        "filter": name,
        "share": round(len(found) / snapshot.bundle.n_items, 4),
        "recall": round(float(np.mean(recalls)), 4),
        "ms": {what: _times_ms(action, list(probes)) for what, action in asked.items()},
    }


def _times_ms(action: Callable[[Vectors], object], probes: Sequence[Vectors]) -> list[float]:
    """The median and the 99th percentile over the probes, the first ten not counted."""
    taken = []
    for probe in probes:
        started = time.perf_counter()
        action(probe)
        taken.append((time.perf_counter() - started) * 1e3)
    return [round(float(one), 2) for one in np.percentile(taken[10:], [50, 99])]


def table(measured: dict[str, Any]) -> str:
    """One line a filter: p50 / p99 in milliseconds."""
    kinds = ("retrieval", "first", "again", "facets")
    lines = [
        "| filter | share | recall@50 | retrieval | search, first | search, again | five facets |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in measured["rows"]:
        times = " | ".join("{:g} / {:g}".format(*one["ms"][kind]) for kind in kinds)
        lines.append(f"| {one['filter']} | {one['share']:g} | {one['recall']:.4f} | {times} |")
    said = (
        f"{measured['items']:,} items, {measured['params']}, p50 / p99 in ms; recall at build"
        f" {measured['recall']}, under filters {measured['filtered_recall']};"
        f" {measured['own_mb']} MB held, {measured['kept_mb']} MB of them sets of rows"
    )
    return "\n".join([said, "", *lines, ""])


if __name__ == "__main__":
    main()
