"""A steady load of searches on two services, as a balancer before them would send it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote_plus

QUERIES = (
    "space travel and futuristic wars", "robots", "a kitchen", "love story", "aliens on a farm",
    "silent field", "funny cook", "voyage to the stars", "dawn", "romantic drama", "comedy",
    "adventure in the deep sea",
)  # fmt: skip
N_CLIENTS = 2
PAUSE_S = 0.02
_TIMEOUT_S = 30
_ASIDE_S = 1.0


@dataclass(frozen=True)
class Answer:
    """One search: its status, the version it is of, the ids found, the seconds to wait if told."""

    query: str
    status: int
    version: str = ""
    found: tuple[str, ...] = ()
    retry_after: str | None = None


@dataclass
class Told:
    """What was heard: answers, why some were lost, and how often the other service was asked."""

    answers: list[Answer] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    elsewhere: int = 0

    @property
    def refused(self) -> int:
        """Answers that said when to ask again."""
        return sum(one.status == 503 and one.retry_after is not None for one in self.answers)


class Steady:
    """Asks the services at `ports` in turn; where one has no answer, the other one.

    One that did not answer is left alone for a second. An answer is lost where no service has one,
    or where it is neither 200 nor 503 with Retry-After, or differs from an earlier one of the same
    version to the same text.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._aside: dict[int, float] = {}
        self._lock = threading.Lock()
        self._told = Told()
        self._first: dict[tuple[str, str], tuple[str, ...]] = {}
        self._stop = threading.Event()

    def cut(self) -> Told:
        """What was heard since the last cut."""
        with self._lock:
            told, self._told = self._told, Told()
        return told

    def stop(self) -> None:
        """Ask nothing further."""
        self._stop.set()

    def run(self, number: int) -> None:
        """One client, until it is stopped."""
        while not self._stop.wait(PAUSE_S):
            self._ask(number, QUERIES[number % len(QUERIES)])
            number += 1

    def _ask(self, number: int, query: str) -> None:
        turn = number % len(self._ports)
        ports = [*self._ports[turn:], *self._ports[:turn]]
        ports.sort(key=lambda port: self._aside.get(port, 0) > time.monotonic())
        errors = []
        for port in ports:
            try:
                answer = search(port, query)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._aside[port] = time.monotonic() + _ASIDE_S
                errors.append(f"{port}: {error!r}")
                continue
            self._note(answer, len(errors))
            return
        with self._lock:
            self._told.lost.append("; ".join(errors))

    def _note(self, answer: Answer, elsewhere: int) -> None:
        with self._lock:
            self._told.elsewhere += elsewhere
            self._told.answers.append(answer)
            if why := self._wrong(answer):
                self._told.lost.append(f"{answer.query}: {why}")

    def _wrong(self, answer: Answer) -> str | None:
        if answer.status == 200:
            key = (answer.version, answer.query)
            first = self._first.setdefault(key, answer.found)
            return None if first == answer.found else f"{answer.found} after {first}"
        told = answer.status == 503 and answer.retry_after is not None
        return None if told else f"status {answer.status}"


def search(port: int, query: str) -> Answer:
    """What a service says. Raises OSError, HTTPException or ValueError where it says nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", f"/v1/search?q={quote_plus(query)}&k=5")
        response = connection.getresponse()
        body = json.loads(response.read())
        if response.status != 200:
            return Answer(query, response.status, retry_after=response.getheader("Retry-After"))
        found = tuple(str(one["item_id"]) for one in body["results"])
        return Answer(query, 200, body["index_version"], found)
    finally:
        connection.close()


@contextmanager
def under_load(ports: Sequence[int]) -> Iterator[Steady]:
    """A steady load for as long as the block runs."""
    load = Steady(ports)
    threads = [threading.Thread(target=load.run, args=(n,)) for n in range(N_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop()
        for thread in threads:
            thread.join()
