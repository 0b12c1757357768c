"""What events cost: python -m benchmarks.events --help.

One client asks distinct searches, uncached, at a steady rate below what the service sustains, while
others send events as fast as asked for, a hundred in a request. Rounds without them, with them, and
with the same sent to another service on this machine are interleaved: the last says what the
machine has less to give, whatever the service does with them. By one worker and by one for each
core, into SQLite and into the PostgreSQL that --postgresql names. Writes
benchmarks/results/events.json.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from itertools import count, islice, product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks import report
from benchmarks.hostile import Victim, ordinary
from benchmarks.server import running
from benchmarks.versus import UNCACHED
from shortlist.encoder.machine import available_cores

TOGETHER, SENDERS = 100, 2
RATE = 2_200
"""Events a second that are offered: a tenth more than what is asked for."""

NONE_SENT = {"events_per_s": 0.0, "events_refused": 0.0, "events_p99_ms": 0.0}

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
    """A request's body of events that nobody has sent yet, made at next to no cost."""
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


def sent(port: int, rate: float, seconds: float) -> dict[str, float]:
    """What became of so many events a second; runs in a process of its own, as people's clients do.

    In that of the client that measures they would keep it from its own answers.
    """
    stop = threading.Event()
    senders = [Sender(port, rate / SENDERS) for _ in range(SENDERS)]
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in senders]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    lasted = time.perf_counter() - began
    took = sorted(one for sender in senders for one in sender.took_ms)
    return {
        "events_per_s": sum(one.taken for one in senders) / lasted,
        "events_refused": sum(one.refused for one in senders),
        "events_p99_ms": took[int(0.99 * len(took))],
    }


def measured(
    pool: Executor, port: int, rate: float, seconds: float, *, to: int | None = None
) -> dict[str, float]:
    """Searches beside so many events a second, none for 0, and what became of these.

    They are sent to the service that is searched, or to that at the port `to`.
    """
    sending = pool.submit(sent, to or port, rate, seconds) if rate else None
    found = ordinary(Victim(port, psutil.Process()), seconds)
    return {**found, **(sending.result() if sending else NONE_SENT)}


def beside(
    urls: tuple[str, str], artifacts: Path, *, workers: int, rate: float, rounds: int,
    seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """Medians over interleaved rounds without events, with them, and with them sent elsewhere.

    And the medians of p99 over p99 without. The service that is searched stores into the first url.
    """
    how = (*UNCACHED, "--workers", str(workers), "--events")
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with (
        pool,
        running(artifacts, *how, urls[0]) as service,
        running(artifacts, *how, urls[1]) as other,
    ):
        measured(pool, service.port, rate, seconds / 2)  # warm
        measured(pool, other.port, rate, seconds / 2)
        found = [
            {
                "without": measured(pool, service.port, 0, seconds),
                "with": measured(pool, service.port, rate, seconds),
                "elsewhere": measured(pool, service.port, rate, seconds, to=other.port),
            }
            for _ in range(rounds)
        ]
    medians = {
        side: {
            name: round(statistics.median(one[side][name] for one in found), 2)
            for name in found[0][side]
        }
        for side in found[0]
    }
    times = {
        f"p99_times_{side}": round(
            statistics.median(one[side]["p99_ms"] / one["without"]["p99_ms"] for one in found), 3
        )
        for side in ("with", "elsewhere")
    }
    return {**medians, **times}


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
        other = f"sqlite:///{folder}/others.db"
        urls = {"SQLite": (f"sqlite:///{folder}/events.db", other)}
        if postgresql:
            urls["PostgreSQL"] = (postgresql, other)
        for (name, pair), workers in product(urls.items(), sorted({1, available_cores()})):
            how: dict[str, Any] = {
                "workers": workers,
                "rate": rate,
                "rounds": rounds,
                "seconds": seconds,
            }
            found[f"{name}, workers {workers}"] = one = beside(pair, artifacts, **how)
            click.echo(f"{name}, workers {workers}: {json.dumps(one)}")
    text = json.dumps(found, indent=1)
    (report.RESULTS / "events.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
