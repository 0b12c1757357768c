"""What events cost: python -m benchmarks.events --help.

One client asks distinct searches, uncached, at a steady rate below what the service sustains, while
others send events as fast as asked for, a hundred in a request. Rounds with and without them are
interleaved. Into SQLite, and into the PostgreSQL that --postgresql names. Writes
benchmarks/results/events.json.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks import report
from benchmarks.hostile import Victim, ordinary
from benchmarks.server import running
from benchmarks.versus import UNCACHED

TOGETHER, SENDERS = 100, 2
RATE = 2_200
"""Events a second that are offered: a tenth more than what is asked for."""

_numbers = count()


def event(place: int) -> dict[str, object]:
    """An event with everything that one can have; its id is filled in by `batch`."""
    return {
        "event_id": "event-%d",
        "type": "click",
        "item_id": 1 + place,
        "user_id": f"user-{place % 17}",
        "session_id": f"visit-{place % 31}",
        "query_id": f"query-{place % 7:010d}",
        "rank": 1 + place % 10,
    }


_BODY = json.dumps({"events": [event(place) for place in range(TOGETHER)]})


def batch() -> bytes:
    """A request's body of events that nobody has sent yet, made at next to no cost.

    The client that measures searches is a thread beside this.
    """
    return (_BODY % tuple(islice(_numbers, TOGETHER))).encode()


class Sender:
    """Sends batches on one connection at a steady rate, and counts what was taken."""

    def __init__(self, port: int, rate: float) -> None:
        self._port, self._each_s = port, TOGETHER / rate
        self.taken, self.refused, self.took_ms = 0, 0, list[float]()

    def run(self, stop: threading.Event) -> None:
        """Until stopped."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        due = time.perf_counter()
        while not stop.wait(max(0.0, due - time.perf_counter())):
            due += self._each_s
            began = time.perf_counter()
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/v1/events", batch(), headers)
            response = connection.getresponse()
            response.read()
            self.took_ms.append((time.perf_counter() - began) * 1e3)
            self.taken += TOGETHER if response.status == 202 else 0
            self.refused += TOGETHER if response.status != 202 else 0
        connection.close()


@contextmanager
def sending(port: int, rate: float) -> Iterator[list[Sender]]:
    """Somebody sends so many events a second meanwhile; none for 0."""
    stop = threading.Event()
    senders = [Sender(port, rate / SENDERS) for _ in range(SENDERS if rate else 0)]
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in senders]
    for thread in threads:
        thread.start()
    try:
        yield senders
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def measured(port: int, rate: float, seconds: float) -> dict[str, float]:
    """Searches beside so many events a second, and what became of these."""
    began = time.perf_counter()
    with sending(port, rate) as senders:
        found = ordinary(Victim(port, psutil.Process()), seconds)
    lasted = time.perf_counter() - began
    took = sorted(one for sender in senders for one in sender.took_ms)
    return {
        **found,
        "events_per_s": sum(one.taken for one in senders) / lasted,
        "events_refused": sum(one.refused for one in senders),
        "events_p99_ms": took[int(0.99 * len(took))] if took else 0.0,
    }


def beside(url: str, artifacts: Path, rate: float, rounds: int, seconds: float) -> dict[str, Any]:
    """Medians over interleaved rounds without and with events, and p99 with over p99 without."""
    with running(artifacts, *UNCACHED, "--events", url) as service:
        measured(service.port, rate, seconds / 2)  # warm
        pairs = [
            (measured(service.port, 0, seconds), measured(service.port, rate, seconds))
            for _ in range(rounds)
        ]
    without, with_events = (
        {
            name: round(statistics.median(pair[side][name] for pair in pairs), 2)
            for name in pairs[0][side]
        }
        for side in (0, 1)
    )
    ratio = statistics.median(one["p99_ms"] / other["p99_ms"] for other, one in pairs)
    return {"without": without, "with": with_events, "p99_times": round(ratio, 3)}


@click.command()
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--postgresql", help="The url of an empty database to write into too.")
@click.option("--rate", default=RATE, show_default=True, help="Events a second.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--seconds", default=8.0, show_default=True, help="Of each round.")
def main(artifacts: Path, postgresql: str | None, rate: int, rounds: int, seconds: float) -> None:
    """Measure, print, write benchmarks/results/events.json."""
    found: dict[str, Any] = {"machine": report.machine(), "offered_per_s": rate}
    with tempfile.TemporaryDirectory() as folder:
        urls = {"SQLite": f"sqlite:///{folder}/events.db"}
        if postgresql:
            urls["PostgreSQL"] = postgresql
        for name, url in urls.items():
            found[name] = beside(url, artifacts, rate, rounds, seconds)
            click.echo(f"{name}: {json.dumps(found[name])}")
    text = json.dumps(found, indent=1)
    (report.RESULTS / "events.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
