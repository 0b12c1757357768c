"""What ordinary clients notice of hostile ones: python -m benchmarks.hostile --help.

One client asks distinct searches, uncached, while others misuse the service: half requests, slow
bodies, answers nobody reads, batches as large as they can be, bodies announced by a length of many
digits. Of this checkout, and of another one beside it with --before. Writes
benchmarks/results/hostile.json.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import click
import psutil

from benchmarks import report
from benchmarks.queries import distinct_queries
from benchmarks.server import HERE, running
from benchmarks.versus import UNCACHED

SECONDS = 12.0
PATIENCE_S = 5.0
LONG_TEXT = "a quiet story about the sea and a lonely keeper of a lighthouse who finds a friend "
HALF = b"GET /v1/search?q=ro"
SLOW = b"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@dataclass
class Victim:
    """A service under attack."""

    port: int
    process: psutil.Process

    def memory_mb(self) -> float:
        """Of all its processes."""
        every = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_info().rss for one in every) / 1e6

    def connect(self, sent: bytes = b"", *, receive_bytes: int = 0) -> socket.socket:
        """A connection that has sent this."""
        client = socket.socket()
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.settimeout(60)
        client.connect(("127.0.0.1", self.port))
        client.sendall(sent)
        return client


def ordinary(victim: Victim, seconds: float = SECONDS) -> dict[str, float]:
    """One client's searches, each on a connection of its own: times of answers, and the rest."""
    took_ms, failed, end = [], 0, time.monotonic() + seconds
    for text in distinct_queries(5000):
        if time.monotonic() > end:
            break
        began = time.perf_counter()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", victim.port, timeout=PATIENCE_S)
            connection.request("GET", f"/v1/search?q={quote_plus(text)}")
            response = connection.getresponse()
            response.read()
            answered = response.status == 200
        except (OSError, http.client.HTTPException):
            answered = False
        finally:
            connection.close()
        if answered:
            took_ms.append((time.perf_counter() - began) * 1e3)
        else:
            failed += 1
    took_ms.sort()
    p50, p99 = (took_ms[int(share * len(took_ms))] if took_ms else 0.0 for share in (0.5, 0.99))
    return {
        "answered": len(took_ms),
        "failed": failed,
        "p50_ms": round(p50, 2),
        "p99_ms": round(p99, 2),
    }


@contextmanager
def repeated(attack: Callable[[], Any]) -> Iterator[list[Any]]:
    """Somebody does this again and again meanwhile; what came of it."""
    found: list[Any] = []
    end = threading.Event()

    def go() -> None:
        while not end.is_set():
            with suppress(OSError, http.client.HTTPException):
                found.append(attack())

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join(60)


def post(victim: Victim, body: dict[str, Any]) -> tuple[int, bytes]:
    """Status and body of a batch."""
    connection = http.client.HTTPConnection("127.0.0.1", victim.port, timeout=60)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/search/batch", json.dumps(body), headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def batch_of(n: int, characters: int, **more: Any) -> dict[str, Any]:
    """A batch of distinct texts."""
    texts = [(f"{place} " + LONG_TEXT * 20)[:characters] for place in range(n)]
    return {"queries": [{"q": text, **more} for text in texts]}


def beside_half_requests(victim: Victim) -> dict[str, Any]:
    """32 connections that have sent half a request line."""
    with ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(victim.connect(HALF))
        time.sleep(6)  # longer than gunicorn waits for a first byte
        return ordinary(victim)


def beside_slow_bodies(victim: Victim) -> dict[str, Any]:
    """28 connections whose bodies never end."""
    with ExitStack() as stack:
        for _ in range(28):
            stack.enter_context(victim.connect(SLOW + b"Content-Length: 500\r\n\r\n{"))
        time.sleep(1)
        return ordinary(victim)


def beside_answers_nobody_reads(victim: Victim, size: int, k: int) -> dict[str, Any]:
    """12 connections that ask for large batches and read nothing."""
    body = json.dumps(batch_of(size, 30, k=k, n_candidates=k, explain=True)).encode()
    head = b"POST /v1/search/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    asked = head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    before = victim.memory_mb()
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(victim.connect(asked, receive_bytes=4096))
            time.sleep(0.3)
        time.sleep(10)
        grown = victim.memory_mb() - before
        found = ordinary(victim)
    return {"memory_grown_mb": round(grown), **found}


def beside_large_batches(victim: Victim, size: int, characters: int, **more: Any) -> dict[str, Any]:
    """One client that sends one batch after the other."""
    body = batch_of(size, characters, **more)
    before = victim.memory_mb()
    with repeated(lambda: post(victim, body)) as found:
        time.sleep(1)
        others = ordinary(victim)
    answers = [(status, len(content), content.count(b'"status":200')) for status, content in found]
    return {
        **others,
        "batches": len(answers),
        "statuses": sorted({status for status, *_ in answers}),
        "answered_entries": max((good for *_, good in answers), default=0),
        "largest_answer_mb": round(max((size for _, size, _ in answers), default=0) / 1e6, 1),
        "memory_grown_mb": round(victim.memory_mb() - before),
    }


def announced(victim: Victim) -> dict[str, Any]:
    """A body of 300 MB that is announced with 20 digits."""
    before = victim.memory_mb()
    peak, sent = before, 0
    client = victim.connect(SLOW + b"Content-Length: 1" + b"0" * 20 + b"\r\n\r\n")
    with suppress(OSError):
        while sent < 300 << 20:
            client.sendall(b" " * (1 << 20))
            sent += 1 << 20
            peak = max(peak, victim.memory_mb())
    client.settimeout(2)
    with suppress(OSError):
        status = client.recv(12).decode(errors="replace") or "closed"
        client.close()
        return {"memory_grown_mb": round(peak - before), "sent_mb": sent >> 20, "answer": status}
    return {"memory_grown_mb": round(peak - before), "sent_mb": sent >> 20, "answer": "none"}


ATTACKS: dict[str, Callable[[Victim], dict[str, Any]]] = {
    "nobody else": ordinary,
    "a body announced with 21 digits": announced,
    "32 half requests": beside_half_requests,
    "28 slow bodies": beside_slow_bodies,
    "12 clients that read nothing of 256 × 1,000 results": lambda victim: (
        beside_answers_nobody_reads(victim, 256, 1000)
    ),
    "12 clients that read nothing of 50 × 250 results": lambda victim: beside_answers_nobody_reads(
        victim, 50, 250
    ),
    "batches of 256 × 1,000 characters": lambda victim: beside_large_batches(victim, 256, 1000),
    "batches of 60 × 1,000 characters": lambda victim: beside_large_batches(victim, 60, 1000),
    "batches of 256 short queries": lambda victim: beside_large_batches(victim, 256, 60),
    "batches of k = 1,000, explained": lambda victim: beside_large_batches(
        victim, 256, 30, k=1000, n_candidates=1000, explain=True
    ),
}


@click.command()
@click.option("--before", type=click.Path(path_type=Path, exists=True), help="Another checkout.")
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--only", default="", help="Attacks whose names contain this.")
def main(before: Path | None, artifacts: Path, only: str) -> None:
    """Measure, print, write benchmarks/results/hostile.json."""
    sides = {"before": before.resolve()} if before else {}
    measured: dict[str, Any] = {"machine": report.machine()}
    for name, attack in ATTACKS.items():
        if only not in name:
            continue
        measured[name] = {}
        for side, root in {**sides, "after": HERE}.items():
            with running(artifacts, *UNCACHED, root=root) as service:
                victim = Victim(service.port, psutil.Process(service.process.pid))
                measured[name][side] = attack(victim)
            click.echo(f"{name}, {side}: {json.dumps(measured[name][side])}")
    if not only:
        text = json.dumps(measured, indent=1)
        (report.RESULTS / "hostile.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
