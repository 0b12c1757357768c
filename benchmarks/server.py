"""Shortlist's side of what runs over HTTP: start, single client, many clients, memory."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

import psutil

from benchmarks.queries import N_DISTINCT, distinct_queries

HERE = Path(__file__).resolve().parents[1]
N_QUERIES = 300
BATCH = 256
N_BATCHED = 4 * BATCH
WRK_CONNECTIONS = 16
WRK_SECONDS = 10


@dataclass(frozen=True)
class Running:
    """A started service: its port, its supervisor, seconds to the first answer."""

    port: int
    process: subprocess.Popen[bytes]
    start_s: float

    def workers(self) -> list[psutil.Process]:
        """The worker processes."""
        return psutil.Process(self.process.pid).children()


@contextmanager
def running(artifacts: Path, *options: str, root: Path = HERE) -> Iterator[Running]:
    """Start the service of a checkout, wait for its first answer, and end it afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "service", "--artifacts", str(artifacts.resolve())]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--port", str(port), *options],
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_answer(port)
        yield Running(port, process, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait(30)


def one_client(server: Running) -> dict[str, float]:
    """Milliseconds of uncached searches and of suggestions."""
    searches = [f"/v1/search?q={quote_plus(text)}" for text in distinct_queries(N_QUERIES)]
    typed = [text[: 3 + place % 8] for place, text in enumerate(distinct_queries(N_QUERIES))]
    times_ms = timed(server, searches)
    batched_s = _batched_s(server)
    suggest_ms = timed(server, [f"/v1/suggest?q={quote_plus(text)}" for text in typed])
    return {
        "http_p50_ms": times_ms[N_QUERIES // 2],
        "http_p99_ms": times_ms[-N_QUERIES // 100],
        "suggest_p50_ms": suggest_ms[N_QUERIES // 2],
        "single_per_s": N_QUERIES / (sum(times_ms) / 1e3),
        "batch_per_s": N_BATCHED / batched_s,
    }


def _batched_s(server: Running) -> float:
    """Seconds for distinct uncached searches in batches of 256 over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    texts = distinct_queries(N_BATCHED, offset=N_DISTINCT - N_BATCHED)
    started = time.perf_counter()
    for begin in range(0, N_BATCHED, BATCH):
        body = json.dumps({"queries": [{"q": text} for text in texts[begin : begin + BATCH]]})
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/search/batch", body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"status {response.status}: {content[:200]!r}")
    batched_s = time.perf_counter() - started
    connection.close()
    return batched_s


def timed(server: Running, targets: Sequence[str]) -> list[float]:
    """Milliseconds of each request over one kept-alive connection, rising."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    times_ms = []
    for target in targets:
        started = time.perf_counter()
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
        times_ms.append((time.perf_counter() - started) * 1e3)
        if response.status != 200:
            raise RuntimeError(f"status {response.status}: {body[:200]!r}")
    connection.close()
    return sorted(times_ms)


def many_clients(server: Running) -> dict[str, float]:
    """Distinct uncached queries per second from 16 connections of wrk, and the tail."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not installed; install your system's package of that name")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_wrk_script())
        script.flush()
        address = f"http://127.0.0.1:{server.port}"
        load = ["-t1", f"-c{WRK_CONNECTIONS}", f"-d{WRK_SECONDS}s", "--latency"]
        done = subprocess.run(
            [wrk, *load, "-s", script.name, address], capture_output=True, text=True, check=True
        )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    return {
        "requests_per_s": float(_found(r"Requests/sec:\s+([\d.]+)", done.stdout)),
        "p50_ms": _milliseconds(_found(r"(?m)^\s+50%\s+(\S+)", done.stdout)),
        "p99_ms": _milliseconds(_found(r"(?m)^\s+99%\s+(\S+)", done.stdout)),
    }


def memory_mb(process: psutil.Process) -> dict[str, float]:
    """Megabytes of one process: its own pages, and its share of everything (PSS)."""
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    kilobytes = {name: int(size) for name, size in re.findall(r"(\w+):\s+(\d+) kB", rollup)}
    own = kilobytes["Pss_Anon"] + kilobytes["Pss_Shmem"]
    return {"own_mb": own / 1024, "pss_mb": kilobytes["Pss"] / 1024}


def _wrk_script() -> str:
    """Every query there is but those of `one_client`, in turn: more than the cache holds."""
    texts = distinct_queries(N_DISTINCT - N_QUERIES, offset=N_QUERIES)
    listed = ", ".join(json.dumps(quote_plus(text)) for text in texts)
    return (
        f"local queries = {{{listed}}}\n"
        "local n = 0\n"
        "request = function()\n"
        "  n = n + 1\n"
        '  return wrk.format("GET", "/v1/search?q=" .. queries[n % #queries + 1])\n'
        "end\n"
    )


def wait_for_answer(port: int) -> None:
    """Returns once a service on this port answers a search."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/v1/search?q=first")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise RuntimeError("the service did not answer within 60 s")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"no {pattern} in the output of wrk:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]
