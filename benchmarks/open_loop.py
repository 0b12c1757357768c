"""HTTP load on a fixed schedule: requests leave when they are due, whatever is unanswered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_CONNECTIONS = 900
"""Below what gunicorn keeps open; an arrival that finds none free is counted as lost."""

PATIENCE_S = 10.0
_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


@dataclass
class Outcome:
    """What became of the requests of one run; latencies count from when a request was due."""

    offered_per_s: float
    seconds: float = 0
    statuses: Counter[int] = field(default_factory=Counter)
    answered_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    lost: int = 0
    cpu_share: float = 0
    latest_ms: float = 0
    connections: int = 0

    @property
    def answered_per_s(self) -> float:
        """Requests answered 200 a second."""
        return self.statuses[200] / self.seconds

    def note(self, status: int, milliseconds: float) -> None:
        """Count one answer."""
        self.statuses[status] += 1
        (self.answered_ms if status == 200 else self.refused_ms).append(milliseconds)

    def described(self) -> dict[str, float]:
        """The figures."""
        return {
            "offered_per_s": round(self.offered_per_s, 1),
            "seconds": round(self.seconds, 2),
            "answered_per_s": round(self.answered_per_s, 1),
            "refused_per_s": round(self.statuses[503] / self.seconds, 1),
            "other_statuses": self.statuses.total() - self.statuses[200] - self.statuses[503],
            "lost": self.lost,
            "answered_p50_ms": percentile(self.answered_ms, 50),
            "answered_p99_ms": percentile(self.answered_ms, 99),
            "refused_p50_ms": percentile(self.refused_ms, 50),
            "refused_p99_ms": percentile(self.refused_ms, 99),
            "connections": self.connections,
            "generator_cpu_share": round(self.cpu_share, 3),
            "generator_latest_ms": round(self.latest_ms, 2),
        }


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that this share of all values do not exceed; 0 of none."""
    if not values:
        return 0.0
    place = max(0, -(-len(values) * percent // 100) - 1)
    return round(sorted(values)[int(place)], 3)


class Connection(asyncio.Protocol):
    """One kept-alive connection with at most one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._received = b""
        self._status: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to ask."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent."""
        return self.transport is not None and not self.transport.is_closing()

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """The status, once the whole answer is there."""
        assert self.transport is not None
        self._received = b""
        self._status = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._status

    def data_received(self, data: bytes) -> None:
        """Look whether the answer is complete."""
        self._received += data
        end = self._received.find(_END)
        if end < 0 or self._status is None or self._status.done():
            return
        head = self._received[:end].lower() + b"\r\n"
        at = head.index(_LENGTH) + len(_LENGTH)
        length = int(head[at : head.index(b"\r\n", at)])
        if len(self._received) >= end + len(_END) + length:
            self._status.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        """The request under way will not be answered."""
        self.transport = None
        if self._status is not None and not self._status.done():
            self._status.set_exception(exc or ConnectionResetError())


class Load:
    """Sends the requests in turn to one service."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port = port
        self._requests = requests
        self._next = 0
        self._idle: list[Connection] = []
        self._n_open = 0

    async def one_by_one(self, n_requests: int) -> Outcome:
        """One request after the other on one connection."""
        return await self.closed(1, n_requests)

    async def closed(self, n_clients: int, n_requests: int) -> Outcome:
        """Clients that each wait for an answer before they ask again."""
        outcome = Outcome(0)
        share = n_requests // n_clients

        async def client() -> None:
            for _ in range(share):
                await self._one(outcome, time.perf_counter())

        started = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(n_clients)))
        outcome.seconds = time.perf_counter() - started
        return outcome

    async def open(self, rate_per_s: float, seconds: float) -> Outcome:
        """Requests at a fixed rate; returns when the last is answered or given up."""
        outcome = Outcome(rate_per_s)
        tasks: set[asyncio.Task[None]] = set()
        started, cpu = time.perf_counter(), time.process_time()
        for n in range(int(rate_per_s * seconds)):
            due = started + n / rate_per_s
            if (wait_s := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait_s)
            elif n % 64 == 0:
                await asyncio.sleep(0)
            outcome.latest_ms = max(outcome.latest_ms, (time.perf_counter() - due) * 1e3)
            task = asyncio.create_task(self._one(outcome, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        outcome.seconds = time.perf_counter() - started
        outcome.cpu_share = (time.process_time() - cpu) / outcome.seconds
        outcome.connections = self._n_open
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_S)
        outcome.lost += len(tasks)
        return outcome

    async def _one(self, outcome: Outcome, due: float) -> None:
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        try:
            connection = self._usable() or await self._connect()
            status = await connection.ask(request)
        except OSError:
            outcome.lost += 1
            return
        outcome.note(status, (time.perf_counter() - due) * 1e3)
        self._idle.append(connection)

    def _usable(self) -> Connection | None:
        """An idle connection that the service has not closed meanwhile."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
            self._n_open -= 1
        return None

    async def _connect(self) -> Connection:
        if self._n_open >= MOST_CONNECTIONS:
            raise ConnectionRefusedError
        self._n_open += 1
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        return connection
