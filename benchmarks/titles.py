"""What the title lane costs: python -m benchmarks.titles --catalog PATH --scratch DIR [--titles N].

Times the lane on a catalogue's own titles and on a million made from their words, and one
million's section: seconds and megabytes to write it, megabytes on disk. Writes
benchmarks/results/titles.json.
"""

from __future__ import annotations

import json
import random
import resource
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import report
from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.measure.protocols.known_item import known_item
from indexing.titles import all_variants, main_title
from shortlist.bundle.all_titles import AllTitles, part_of
from shortlist.bundle.sections.title_index import FOLDER, read_titles, write_titles
from shortlist.engine.lanes.title import match_titles

SEED = 20261124
N_QUERIES = 1000


@click.command()
@click.option("--catalog", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--titles", "n_titles", default=1_000_000, show_default=True)
def main(catalog: Path, scratch: Path, n_titles: int) -> None:
    """Measure, print, write benchmarks/results/titles.json."""
    items = read_catalog(read_catalog_config(catalog)).items
    own = items.titles.tolist()
    topics = known_item(own, items.ids.tolist()).topics
    queries = [topic.text for topic in random.Random(SEED).sample(topics, N_QUERIES)]
    measured = {
        "machine": report.machine(),
        "own": _measure(own, queries, scratch / "own"),
        "made": _measure(_made(own, n_titles), queries, scratch / "made"),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    text = json.dumps(measured, indent=1)
    (report.RESULTS / "titles.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


def _made(titles: list[str], n: int) -> list[str]:
    """As many titles of one to six words, drawn from the words of these as often as they stand."""
    rng = random.Random(SEED)
    words = [word for title in titles for word in main_title(title).split()]
    return [" ".join(rng.choices(words, k=rng.randint(1, 6))) for _ in range(n)]


def _measure(titles: list[str], queries: list[str], folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True)
    started = time.perf_counter()
    write_titles(folder, *all_variants(titles))
    write_s = time.perf_counter() - started
    index = read_titles(folder, n_items=len(titles))
    times_ms = np.array(_times_ms(AllTitles((part_of(index),)), queries))
    return {
        "items": len(titles),
        "titles": len(index),
        "write_s": round(write_s, 2),
        "megabytes": round(sum(f.stat().st_size for f in (folder / FOLDER).iterdir()) / 1e6, 1),
        "p50_ms": round(float(np.percentile(times_ms, 50)), 3),
        "p99_ms": round(float(np.percentile(times_ms, 99)), 3),
    }


def _times_ms(index: AllTitles, queries: list[str]) -> list[float]:
    for text in queries[: len(queries) // 10]:
        match_titles(index, text)
    times_ms = []
    for text in queries:
        started = time.perf_counter()
        match_titles(index, text)
        times_ms.append((time.perf_counter() - started) * 1e3)
    return times_ms


if __name__ == "__main__":
    main()
