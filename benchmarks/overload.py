"""What four times too much load does: python -m benchmarks.overload --artifacts DIR.

Finds the rate that the service sustains, offers four times that on a fixed schedule, and looks
at what is answered, how fast, at memory, and at how soon all is well again afterwards. Nothing
is cached. Writes benchmarks/results/overload.json.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import click

from benchmarks import report, server
from benchmarks.open_loop import Load, Outcome, percentile
from benchmarks.queries import N_DISTINCT, distinct_queries

RESULTS = Path(__file__).parent / "results" / "overload.json"
TIMES = 4
SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4)
"""Of what eight patient clients get, the rates that are tried, highest first."""

N_UNLOADED = 400
N_CALM = 10


@click.command()
@click.option("--artifacts", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--seconds", default=60.0, show_default=True, help="How long the overload lasts.")
@click.option("--write/--no-write", default=True, show_default=True, help="Write the results.")
def main(artifacts: Path, seconds: float, write: bool) -> None:
    """Measure and print; the service runs with its defaults, but without a query cache."""
    os.environ["SHORTLIST_QUERY_CACHE"] = "0"
    with server.running(artifacts) as running:
        figures = asyncio.run(_measure(running, seconds))
    described = {"machine": report.machine(), **figures}
    text = json.dumps(described, indent=1)
    click.echo(text)
    if write:
        RESULTS.write_text(f"{text}\n", encoding="utf-8")


async def _measure(running: server.Running, seconds: float) -> dict[str, Any]:
    load = Load(running.port, [_request(text) for text in distinct_queries(N_DISTINCT)])
    await load.one_by_one(N_UNLOADED // 4)
    unloaded = await load.one_by_one(N_UNLOADED)
    capacity = await load.closed(8, 2000)
    sustained = await _sustained(load, capacity.answered_per_s, min(5.0, seconds))
    worker = running.workers()[0]
    before = server.memory_mb(worker)
    cpu_before = sum(worker.cpu_times()[:2])
    overload = await load.open(TIMES * sustained.answered_per_s, seconds)
    cpu = sum(worker.cpu_times()[:2]) - cpu_before
    p99_ms = percentile(unloaded.answered_ms, 99)
    recovery_s = await _recovery_s(load, within_ms=2 * p99_ms)
    return {
        "unloaded_p50_ms": percentile(unloaded.answered_ms, 50),
        "unloaded_p99_ms": p99_ms,
        "sustained": sustained.described(),
        "overload": overload.described(),
        "p99_ratio": round(percentile(overload.answered_ms, 99) / p99_ms, 2),
        "memory_before_mb": round(before["own_mb"], 1),
        "memory_after_mb": round(server.memory_mb(worker)["own_mb"], 1),
        "recovery_s": round(recovery_s, 3),
        "worker_cpu_share": round(cpu / overload.seconds, 2),
    }


async def _sustained(load: Load, capacity_per_s: float, seconds: float) -> Outcome:
    """The highest of the rates at which 995 of 1,000 are answered, and none piles up."""
    for share in SHARES:
        outcome = await load.open(share * capacity_per_s, seconds)
        in_time = outcome.answered_ms and percentile(outcome.answered_ms[-100:], 50) < 100
        enough = outcome.statuses[200] >= 0.995 * (outcome.statuses.total() + outcome.lost)
        if enough and in_time:
            return outcome
    raise click.ClickException("no rate was sustained; is something else running here?")


async def _recovery_s(load: Load, *, within_ms: float) -> float:
    """Seconds until the first of ten answers in a row that are as fast as without load."""
    started = time.perf_counter()
    calm, since = 0, started
    while calm < N_CALM:
        asked = time.perf_counter()
        outcome = await load.one_by_one(1)
        fast = outcome.statuses[200] == 1 and outcome.answered_ms[0] <= within_ms
        if fast and not calm:
            since = asked
        calm = calm + 1 if fast else 0
        if asked - started > 60:
            raise click.ClickException("the service was not itself again within 60 s")
    return since - started


def _request(text: str) -> bytes:
    return f"GET /v1/search?q={quote_plus(text)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


if __name__ == "__main__":
    main()
