"""Filters, facets and orders at size: python -m benchmarks.attributes --scratch DIR [--items N].

Writes a bundle of made-up items with ten attributes of all types (that of benchmarks.loading) into
DIR unless it is there, loads it in a process of its own and prints what that took and holds, then
medians of 21 questions each: filters of one and of several conditions, five facets over all
items, over a tenth and over a thousand, lists in an order. Writes
benchmarks/results/attributes.json and .md.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import report
from benchmarks.loading import write_bundle
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.reader import Bundle
from shortlist.engine.conditions import Attributes, Categories, Filters, Near, Range
from shortlist.engine.facets import Counted, count_facets, count_one
from shortlist.engine.filters import passing
from shortlist.engine.query import PopularQuery
from shortlist.engine.row_sets import RowSet
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

ROUNDS = 21
FACETS = ("categories", "brand", "price", "colours", "added")
NOBODY: RowArray = np.empty(0, np.int64)

Timed = dict[str, Callable[[], object]]


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--items", "n_items", default=1_000_000, show_default=True)
def main(scratch: Path, n_items: int) -> None:
    """Measure, print, write benchmarks/results/attributes.json and .md."""
    own = scratch / str(n_items)
    folders = list(own.glob("*/manifest.json"))
    folder = folders[0].parent if folders else write_bundle(own, n_items)
    with get_context("spawn").Pool(1) as alone:
        measured = alone.apply(measure, (folder,))
    whole = {"machine": report.machine(), "items": n_items, **measured}
    (report.RESULTS / "attributes.json").write_text(f"{json.dumps(whole, indent=1)}\n", "utf-8")
    text = table(whole)
    (report.RESULTS / "attributes.md").write_text(text, encoding="utf-8")
    click.echo(text)


def measure(folder: Path) -> dict[str, Any]:
    """Seconds to load, megabytes held, and medians in milliseconds by question."""
    before, started = own_megabytes(), time.perf_counter()
    snapshot = load_snapshot(folder, LoadOptions())
    load_s = time.perf_counter() - started
    held = own_megabytes() - before
    return {
        "load_s": round(load_s, 2),
        "own_mb": round(held),
        "p50_ms": {name: _median_ms(timed) for name, timed in questions(snapshot).items()},
    }


def own_megabytes() -> float:
    """Memory of this process that no file backs."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) / 1024
    return 0.0


def questions(snapshot: Snapshot) -> Timed:
    """What is measured, by what it is called in the table."""
    bundle = snapshot.bundle
    brand = Attributes(any={"brand": ("value 000007", "value 000042")})
    filters = {
        "filter: two of 1,000 brands": Filters(attributes=brand),
        "filter: a part number of a million": Filters(
            attributes=Attributes(any={"part": ("value 000007",)})
        ),
        "filter: a price": Filters(ranges={"price": Range(min=10, max=20)}),
        "filter: a year of days": Filters(
            ranges={"added": Range(min="2023-01-01", max="2023-12-31")}
        ),
        "filter: one of twelve colours": Filters(
            attributes=Attributes(any={"colours": ("value 000003",)})
        ),
        "filter: near a point, 500 km": Filters(near=Near(lat=50, lon=10, km=500)),
        "filter: five conditions": Filters(
            categories=Categories(any=("category 3",)),
            attributes=Attributes(none={"in_stock": ("false",)}),
            ranges={"price": Range(max=50), "year": Range(min=2000)},
            near=Near(lat=50, lon=10, km=5000),
        ),
    }
    timed: Timed = {name: partial(_rows, bundle, one) for name, one in filters.items()}
    for n in (bundle.n_items, bundle.n_items // 10, 1000):
        rows = np.linspace(0, bundle.n_items - 1, n).astype(np.int64)
        among = RowSet.of_rows(rows, bundle.n_items)
        timed[f"five facets over {n:,} items"] = partial(
            count_facets, bundle, FACETS, partial(_counted, snapshot, among)
        )
    some = filters["filter: two of 1,000 brands"]
    for sort in ((), ("price:desc",), ("in_stock:desc", "price")):
        timed[f"list: all items by {', '.join(sort) or 'popularity'}"] = partial(
            ask, snapshot, PopularQuery(sort=sort)
        )
    timed["list: two brands by price, five facets"] = partial(
        ask, snapshot, PopularQuery(sort=("price",), filters=some, facets=FACETS)
    )
    return timed


def _rows(bundle: Bundle, wanted: Filters) -> RowArray:
    return passing(bundle, wanted, NOBODY).rows()


def _counted(snapshot: Snapshot, rows: RowSet, facet: str) -> Counted:
    return count_one(snapshot.bundle, facet, rows, snapshot.kept)


def _median_ms(action: Callable[[], object]) -> float:
    action()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return round(statistics.median(taken) * 1e3, 2)


def table(measured: dict[str, Any]) -> str:
    """The medians as a table."""
    lines = ["| what | p50, ms |", "|---|---:|"]
    lines += [f"| {name} | {value:g} |" for name, value in measured["p50_ms"].items()]
    said = f"{measured['items']:,} items: {measured['load_s']} s to load, {measured['own_mb']} MB"
    return "\n".join([said, "", *lines, ""])


if __name__ == "__main__":
    main()
