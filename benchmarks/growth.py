"""How retrieval grows: python -m benchmarks.growth --catalog DIR/catalog.toml.

Recombines the texts of a catalogue into as many documents as asked for, really encodes them,
builds indexes over them and measures recall@50 against exact search and the time of a query on
one thread. Prints a Markdown table and writes benchmarks/results/growth.json.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))

import click
import faiss
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from benchmarks.report import machine
from indexing.catalog import Catalog, read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.documents import probe_texts
from indexing.export import cached_export, default_cache
from indexing.index import describe, search_parameters, write_index
from indexing.models import resolve_model
from indexing.recall import exact_nearest, measure_index
from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import Encoder

RESULTS = Path(__file__).parent / "results"
SEED = 7
BATCH = 65_536
N_PROBES = 600


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    items: int
    index: str
    params: str
    build_s: float
    bytes_per_vector: float
    recall: float
    p50_ms: float
    p99_ms: float


def recombined(catalog: Catalog, n: int) -> Iterator[list[str]]:
    """`n` documents in batches: a title, another item's categories, a third and fourth's tags."""
    rng = np.random.default_rng(SEED)
    titles = catalog.items.titles.to_numpy(dtype=object)
    config = catalog.config.items.categories
    categories = catalog.items.text[config.column].to_numpy(dtype=object) if config else titles
    tags = catalog.tags.table["tag"].to_numpy(dtype=object) if catalog.tags else titles
    for begin in range(0, n, BATCH):
        size = min(BATCH, n - begin)
        one, two = rng.integers(len(titles), size=(2, size))
        three, four = rng.integers(len(tags), size=(2, size))
        yield [
            f"{titles[a]} {categories[b]} {tags[c]} {tags[d]}"
            for a, b, c, d in zip(one, two, three, four, strict=True)
        ]


def encode_corpus(catalog: Catalog, encoder: Encoder, path: Path, n: int) -> None:
    """Write float32 unit vectors [n, dim] as a .npy file."""
    out = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.float32, shape=(n, encoder.embedding_dim)
    )
    done = 0
    with tqdm(total=n, unit="doc", disable=None) as bar:
        for batch in recombined(catalog, n):
            out[done : done + len(batch)] = encoder.encode(batch, on_progress=bar.update)
            done += len(batch)
    out.flush()


def measure(
    factory: str, vectors: npt.NDArray[np.float32], probes: npt.NDArray[np.float32], folder: Path
) -> Iterator[Row]:
    """Build one index and measure every step of its search parameters."""
    started = time.perf_counter()
    write_index(factory, vectors, folder)
    build_s = time.perf_counter() - started
    size = (folder / "index.faiss").stat().st_size
    exact = exact_nearest(probes, vectors)
    faiss.omp_set_num_threads(1)
    for params in search_parameters(factory):
        info = describe(factory, exact=factory == "Flat", params=params)
        found = measure_index(folder, info, vectors, probes, exact)
        yield Row(
            items=len(vectors),
            index=factory,
            params=" ".join(f"{name}={value}" for name, value in params.items()),
            build_s=round(build_s, 1),
            bytes_per_vector=round(size / len(vectors), 1),
            recall=round(found.recall, 4),
            p50_ms=round(found.p50_ms, 3),
            p99_ms=round(found.p99_ms, 3),
        )
    faiss.omp_set_num_threads(len(os.sched_getaffinity(0)))


def as_markdown(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| items | index | search | build, s | bytes/vector | recall@50 | p50, ms | p99, ms |",
        "|---:|---|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.items:,} | {row.index} | {row.params or '–'} | {row.build_s:g} |"
        f" {row.bytes_per_vector:g} | {row.recall:.4f} | {row.p50_ms:.2f} | {row.p99_ms:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)


@click.command()
@click.option("--catalog", required=True, type=click.Path(path_type=Path), help="catalog.toml.")
@click.option("--scratch", required=True, type=click.Path(path_type=Path), help="Working folder.")
@click.option("--sizes", default="10000,100000,1000000", help="Corpus sizes.")
@click.option("--indexes", default="Flat;SQfp16;HNSW48,SQ8", help="FAISS factories, parted by ';'.")
@click.option("--encode-only", is_flag=True, help="Stop when the vectors are there.")
def main(catalog: Path, scratch: Path, sizes: str, indexes: str, encode_only: bool) -> None:
    """Measure how indexes grow; vectors found in the working folder are taken from there."""
    scratch.mkdir(parents=True, exist_ok=True)
    read = read_catalog(read_catalog_config(catalog))
    n_cores = len(os.sched_getaffinity(0))
    export = cached_export(resolve_model("all-MiniLM-L6-v2"), default_cache())
    encoder = Encoder(export, precision=Precision.AUTO, n_streams=n_cores, n_threads=n_cores)
    largest = max(map(int, sizes.split(",")))
    path = scratch / f"vectors-{largest}.npy"
    if not path.exists():
        encode_corpus(read, encoder, path, largest)
    if encode_only:
        return
    vectors = np.load(path, mmap_mode="r")
    sample = next(recombined(read, 2000))
    tags = read.tags.table["tag"].unique().tolist() if read.tags else []
    texts = probe_texts(read.items.titles.tolist(), tags, sample, n=N_PROBES)
    probes = encoder.encode(texts)
    rows: list[Row] = []
    for size in map(int, sizes.split(",")):
        for factory in indexes.split(";"):
            for row in measure(factory, np.asarray(vectors[:size]), probes, scratch):
                rows.append(row)
                click.echo(as_markdown([row]).splitlines()[-1])
    RESULTS.mkdir(exist_ok=True)
    described = {
        "catalog": read.config.name,
        "machine": machine(),
        "precision": encoder.precision.value,
        "probes": len(texts),
        "rows": [asdict(row) for row in rows],
    }
    (RESULTS / "growth.json").write_text(json.dumps(described, indent=1) + "\n")
    click.echo(as_markdown(rows))


if __name__ == "__main__":
    main()
