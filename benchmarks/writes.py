"""What searches notice of writes beside them: python -m benchmarks.writes --help.

One client asks distinct searches, uncached, while another writes one request after the other:
patches of one item, a thousand items, as many bytes as a request may have. Rounds are interleaved.
What is written goes to a copy of the artifacts, and nobody applies it. Writes
benchmarks/results/writes.json.
"""

from __future__ import annotations

import http.client
import json
import shutil
import statistics
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks import report
from benchmarks.hostile import Victim, ordinary, repeated
from benchmarks.server import running
from benchmarks.versus import UNCACHED

KEY = "a-key-to-write-with"
WRITES = ("--writes", "on", "--write-key", KEY)
ROUNDS, SECONDS = 5, 4.0
MOST_BYTES = 4 << 20


def write(port: int, method: str, path: str, body: bytes) -> int:
    """The status of one write."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json", "X-API-Key": KEY}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def items(columns: dict[str, str], n_bytes: int) -> bytes:
    """A thousand items of about so many bytes in all."""
    filler = "x" * (n_bytes // 1000 - 70)
    whole = [{columns["id"]: n, columns["title"]: f"{n} {filler}"} for n in range(1, 1001)]
    return json.dumps({"items": whole}).encode()


@click.command()
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, exists=True))
def main(artifacts: Path) -> None:
    """Measure, print, write benchmarks/results/writes.json."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(artifacts, Path(folder) / "artifacts"))
        live = copy / (copy / "CURRENT").read_text().strip() / "manifest.json"
        columns = json.loads(live.read_bytes())["intake"]
        kinds: dict[str, tuple[str, str, bytes] | None] = {
            "nobody": None,
            "patches of one item": (
                "PATCH", "/v1/items/1", json.dumps({columns["title"]: "x"}).encode()
            ),
            "a thousand items, 0.2 MB": ("POST", "/v1/items", items(columns, 200_000)),
            "a thousand items, 4 MB": ("POST", "/v1/items", items(columns, MOST_BYTES - 10_000)),
        }  # fmt: skip
        with running(copy, *UNCACHED, *WRITES) as service:
            rounds = [
                {name: _round(service.port, what) for name, what in kinds.items()}
                for _ in range(ROUNDS)
            ]
    measured: dict[str, Any] = {"machine": report.machine()}
    for name in kinds:
        measured[name] = {
            field: round(statistics.median(one[name][field] for one in rounds), 2)
            for field in rounds[0][name]
        }
        click.echo(f"{name}: {json.dumps(measured[name])}")
    text = json.dumps(measured, indent=1)
    (report.RESULTS / "writes.json").write_text(f"{text}\n", encoding="utf-8")


def _round(port: int, what: tuple[str, str, bytes] | None) -> dict[str, float]:
    """Times of searches beside such writes, and how many writes were taken a second."""
    with ExitStack() as stack:
        statuses: list[Any] = []
        if what is not None:
            statuses = stack.enter_context(repeated(partial(write, port, *what)))
        found = ordinary(Victim(port, psutil.Process()), SECONDS)
        taken = statuses.count(202)
    assert set(statuses) <= {202}, statuses
    return {**found, "writes_per_s": taken / SECONDS}


if __name__ == "__main__":
    main()
