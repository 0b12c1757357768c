"""What reading a catalogue costs: python -m benchmarks.sources --scratch DIR --postgresql URL.

Makes up items, writes them into DIR as CSV, JSON lines, Parquet and SQLite and into a table
shortlist_items of the PostgreSQL database at URL, which is taken away again. Reads each five times,
in turn, with `read_catalog` alone, in a process of its own: seconds, seconds of a core (without a
database's server) and peak memory, medians. Prints a Markdown table and writes
benchmarks/results/sources.json.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from benchmarks import report

SEED = 20261125
ROUNDS = 5
BATCH = 50_000
TABLE = "shortlist_items"
WORDS = [f"{first}{second}" for first in ("ka", "lo", "mi", "re", "su") for second in "abcdefghij"]
BRANDS = [f"Brand {number}" for number in range(500)]
CATALOG = """\
name = "made-up"
[items]
{source}
id = "sku"
title = "name"
text = ["description"]
categories = {{ column = "kind" }}
[items.attributes]
brand = {{ column = "brand" }}
price = {{ column = "price", type = "number" }}
pieces = {{ column = "pieces", type = "integer" }}
in_stock = {{ column = "in_stock", type = "boolean" }}
"""


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--postgresql", "url", required=True, help="where the items are written and read")
@click.option("--items", "n_items", default=1_000_000, show_default=True)
@click.option("--only", hidden=True)
def main(scratch: Path, url: str, n_items: int, only: str | None) -> None:
    """Measure, print, write benchmarks/results/sources.json."""
    if only is not None:
        click.echo(json.dumps(read_one(scratch / f"{only}.toml")))
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with written(scratch, url, n_items) as sources:
        for name, source in sources.items():
            (scratch / f"{name}.toml").write_text(CATALOG.format(source=source))
        rounds = [{name: measured(scratch, url, name) for name in sources} for _ in range(ROUNDS)]
        found = {name: medians([one[name] for one in rounds]) for name in sources}
    result = {"machine": report.machine(), "items": n_items, "sources": found}
    text = json.dumps(result, indent=1)
    (report.RESULTS / "sources.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo("| source | seconds | of a core | peak, MB |\n|---|---:|---:|---:|")
    for name, one in found.items():
        click.echo(f"| {name} | {one['seconds']} | {one['cpu_s']} | {one['peak_mb']} |")


def measured(scratch: Path, url: str, name: str) -> dict[str, float]:
    """One source, read in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sources", "--scratch", str(scratch)]
    command += ["--postgresql", url, "--only", name]
    environment = {**os.environ, "BENCH_DB": url}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Of each number."""
    return {key: round(statistics.median(one[key] for one in rounds), 2) for key in rounds[0]}


def read_one(catalog: Path) -> dict[str, float]:
    """Seconds and peak memory of `read_catalog`, and what the process had taken before it."""
    from indexing.catalog import read_catalog
    from indexing.catalog.toml import read_catalog_config

    config = read_catalog_config(catalog)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started, used = time.perf_counter(), time.process_time()
    read_catalog(config)
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - used
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": seconds,
        "cpu_s": cpu_s,
        "peak_mb": round(peak_mb),
        "before_mb": round(before_mb),
    }


def batches(n_items: int) -> Iterator[pa.RecordBatch]:
    """Made-up products: text of 20 words, four attributes."""
    rng = np.random.default_rng(SEED)
    for begin in range(0, n_items, BATCH):
        n = min(BATCH, n_items - begin)
        words = rng.integers(0, len(WORDS), (n, 24))
        texts = [[WORDS[word] for word in row] for row in words.tolist()]
        yield pa.record_batch(
            {
                "sku": pa.array(range(begin, begin + n), pa.int64()),
                "name": [" ".join(row[:4]) for row in texts],
                "description": [" ".join(row[4:]) for row in texts],
                "kind": [f"kind {number}" for number in rng.integers(0, 50, n)],
                "brand": [BRANDS[number] for number in rng.integers(0, len(BRANDS), n)],
                "price": np.round(rng.uniform(1, 999, n), 2),
                "pieces": rng.integers(1, 100, n),
                "in_stock": rng.random(n) < 0.7,
            }
        )


@contextmanager
def written(scratch: Path, url: str, n_items: int) -> Iterator[dict[str, str]]:
    """The items in every source; gives what stands in [items] for each."""
    import adbc_driver_postgresql.dbapi as postgresql
    import adbc_driver_sqlite.dbapi as sqlite

    table = pa.Table.from_batches(list(batches(n_items)))
    pa.parquet.write_table(table, scratch / "items.parquet")
    pa.csv.write_csv(table, scratch / "items.csv")
    with (scratch / "items.jsonl").open("w") as file:
        for batch in table.to_batches():
            file.writelines(f"{json.dumps(one)}\n" for one in batch.to_pylist())
    (scratch / "items.db").unlink(missing_ok=True)
    into(sqlite.connect, str(scratch / "items.db"), table)
    into(postgresql.connect, url, table)
    query = f'query = "select * from {TABLE}"'
    try:
        yield {
            "parquet": 'file = "items.parquet"',
            "postgresql": f'url = "${{BENCH_DB}}"\n{query}',
            "sqlite": f'url = "sqlite:///items.db"\n{query}',
            "csv": 'file = "items.csv"',
            "json-lines": 'file = "items.jsonl"',
        }
    finally:
        with postgresql.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executescript(f"DROP TABLE {TABLE}")


def into(connect: Callable[..., Any], uri: str, table: pa.Table) -> None:
    """The items as a table of a database."""
    with connect(uri) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest(TABLE, table, mode="create")
        connection.commit()


if __name__ == "__main__":
    main()
