"""What a build takes beside encoding and the vector index: python -m benchmarks.building --help.

Reads a catalogue (`python -m benchmarks.catalogues` writes large ones) and makes everything of a
bundle that needs no encoder, with random unit vectors in the place of the documents'. Prints how
long each step took and the memory of this process: what is its own at the end of the step, and the
most that there was during it, in which mapped files count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import click
import numpy as np

from indexing.catalog import read_catalog
from indexing.catalog.columns import id_column, item_table
from indexing.catalog.toml import read_catalog_config
from indexing.changing.source import write_source
from indexing.documents import hash_documents, read_corpus
from indexing.entries import entries_of
from indexing.features import write_features
from indexing.measure.report import as_table
from indexing.neighbours.section import write_neighbours
from indexing.popularity import catalog_popularity
from indexing.suggestions import write_suggestions
from indexing.titles import write_titles
from indexing.words import write_words
from shortlist.bundle import layout
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.sections.suggestion_order import write_order
from shortlist.bundle.sections.title_index import read_titles
from shortlist.bundle.tables import write_id_map, write_items

SEED, DIM = 20261129, 384
BLOCK = 65_536

Result = TypeVar("Result")


class Steps:
    """Steps as they are taken, with what each cost."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.total_s = 0.0

    def take(self, name: str, step: Callable[[], Result]) -> Result:
        """Take a step; its line is printed at once."""
        Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is this step's
        began = time.perf_counter()
        result = step()
        took_s = time.perf_counter() - began
        self.total_s += took_s
        self.rows.append([name, f"{took_s:.1f}", *(f"{_mb(key):,.0f}" for key in MEMORY)])
        click.echo("  ".join(self.rows[-1]))
        return result


MEMORY = {"RssAnon": "own memory, MB", "VmHWM": "peak, MB"}


def _mb(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 1024


def _vectors(path: Path, n: int) -> Vectors:
    """Random unit rows, in a mapped file."""
    rng = np.random.default_rng(SEED)
    vectors = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, DIM))
    for begin in range(0, n, BLOCK):
        drawn = rng.standard_normal((min(BLOCK, n - begin), DIM), dtype=np.float32)
        vectors[begin : begin + BLOCK] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return vectors


@click.command()
@click.option("--catalog", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
def main(catalog: Path, scratch: Path) -> None:
    """Take every step into an empty folder and print what it cost."""
    scratch.mkdir(parents=True)
    steps, config = Steps(), read_catalog_config(catalog)
    read = steps.take("catalogue", lambda: read_catalog(config))
    corpus = steps.take("documents: columns", lambda: read_corpus(read))
    steps.take("probes", corpus.recall_probes)
    popularity = steps.take("popularity", lambda: catalog_popularity(read))
    steps.take("ids", lambda: write_id_map(scratch / layout.ID_MAP, id_column(read)))
    items = item_table(read, popularity)
    steps.take("items", lambda: write_items(scratch / layout.ITEMS, items))
    steps.take("source", lambda: write_source(scratch, read))
    entries = steps.take("fields", lambda: entries_of(read, corpus))
    words = partial(write_words, n_rows=read.n_items, language=config.words.language)
    steps.take("contents", entries.contents)
    steps.take("titles", lambda: write_titles(scratch, entries.titles, entries.alternatives))
    steps.take("words", lambda: words(scratch, entries.fields))
    texts = entries.documents()
    steps.take("documents: texts and hashes", lambda: [len(hash_documents(b)) for b in texts])
    vectors = _vectors(scratch / layout.VECTORS, read.n_items)
    steps.take("features", lambda: write_features(scratch, read, popularity, vectors))
    steps.take("suggestions", lambda: write_suggestions(scratch, read))
    titles, order = read_titles(scratch, n_items=read.n_items), scratch / "order.npy"
    steps.take("title words", lambda: write_order(order, titles, titles.rows, None))
    steps.take("neighbours", lambda: write_neighbours(scratch, read, vectors, live=None))
    click.echo(as_table(["step", "s", *MEMORY.values()], steps.rows, n_texts=1))
    click.echo(f"\n{read.n_items:,} items: {steps.total_s:.0f} s")


if __name__ == "__main__":
    main()
