"""A steady load on a service, for tests that kill, swap and break things meanwhile."""

from __future__ import annotations

import gc
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from tests.serving import Service

QUERIES = [
    "space travel and futuristic wars", "robots", "a kitchen", "love story", "aliens on a farm",
    "silent field", "funny cook", "voyage to the stars", "dawn", "romantic drama", "comedy",
    "adventure in the deep sea",
]  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """One request of the load: when it began, how long it took, its status and body."""

    at: float
    took_s: float
    status: int
    body: dict[str, Any]
    query: str


@dataclass
class Load:
    """Connections that search without a pause until they are stopped."""

    service: Service
    n_connections: int
    answers: list[Answered] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        """One connection, opened anew after every 40 requests."""
        count = number
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=30)
            try:
                for _ in range(40):
                    if self._stop.is_set():
                        break
                    self._ask(connection, QUERIES[count % len(QUERIES)])
                    count += 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(f"{time.monotonic():.3f} {error!r}")
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPConnection, query: str) -> None:
        at = time.monotonic()
        connection.request("GET", f"/v1/search?q={quote_plus(query)}&k=5")
        response = connection.getresponse()
        body = json.loads(response.read())
        self.answers.append(Answered(at, time.monotonic() - at, response.status, body, query))

    def stop(self) -> None:
        """No further requests."""
        self._stop.set()

    def statuses(self) -> dict[int, int]:
        """How many answers had each status."""
        counts: dict[int, int] = {}
        for answer in list(self.answers):
            counts[answer.status] = counts.get(answer.status, 0) + 1
        return counts


@contextmanager
def under_load(service: Service, n_connections: int = 8) -> Iterator[Load]:
    """A steady load for as long as the block runs.

    Without garbage collection in this process: of the answers that it keeps it takes longer than
    the seconds after which a service closes a connection that nobody uses.
    """
    load = Load(service, n_connections)
    threads = [threading.Thread(target=load.run, args=(n,)) for n in range(n_connections)]
    gc.disable()
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop()
        for thread in threads:
            thread.join()
        gc.enable()
