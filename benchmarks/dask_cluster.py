"""A Dask cluster on the loopback interface: a scheduler and workers, processes of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.waiting import until

_START_S = 60.0
_AROUND = """
from indexing import dask_worker
if not hasattr(dask_worker, "inner"):  # a preload is loaded again when the worker starts
    dask_worker.inner = dask_worker.encode
    def encode(*asked):
        {first}
        try:
            return dask_worker.inner(*asked)
        finally:
            {last}
    encode.__module__, encode.__qualname__ = "indexing.dask_worker", "encode"
    dask_worker.encode = encode
"""
SLOWLY = _AROUND.format(first="import time; time.sleep(0.2)", last="pass")
"""Preloaded by a worker: a chunk takes long enough to be lost."""

COUNTING = "import os\n" + _AROUND.format(
    first='print(".", end="", file=open("encoded", "a")); open(at := f"at-{os.getpid()}", "w")',
    last="os.unlink(at)",
)
"""Preloaded by a worker: it writes a dot for every chunk into a file of the cluster's folder, and
keeps a file of its own there while it is at one."""

OTHER_PRECISION = """
from shortlist.encoder import runtime
from shortlist.encoder.machine import Precision
if not hasattr(runtime, "inner"):
    runtime.inner = runtime.resolve_precision
    other = {Precision.F32: Precision.BF16, Precision.BF16: Precision.F32}
    runtime.resolve_precision = lambda wanted: other[runtime.inner(wanted)]
"""
"""Preloaded by a worker: `auto` is resolved to what it is not on this machine."""


class Cluster:
    """Starts and kills the processes of one cluster."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self._folder = folder
        self._repository = repository
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        try:
            self.start_scheduler()
        except BaseException:
            self.end()
            raise

    def start_scheduler(self) -> None:
        """Start a scheduler at the cluster's address and wait until it listens."""
        port = self.address.rpartition(":")[2]
        note = self._folder / f"scheduler-{len(self._processes)}.json"
        self.scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard",
            "--no-show", "--scheduler-file", str(note),
        )  # fmt: skip
        self._wait(note, self.scheduler)
        assert json.loads(note.read_text())["address"] == self.address

    def start_worker(self, preload: str = "") -> subprocess.Popen[bytes]:
        """Start a worker, which looks for its scheduler; it runs `preload` first."""
        name = f"worker-{len(self._processes)}"
        note, own = self._folder / f"{name}.pid", self._folder / name
        first = self._folder / f"{name.replace('-', '_')}.py"
        first.write_text(preload)
        worker = self._start(
            "dask_worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny",
            "--no-dashboard", "--memory-limit", "0", "--local-directory", str(own),
            "--pid-file", str(note), "--preload", str(first),
        )  # fmt: skip
        self._wait(note, worker)
        self.workers.append(worker)
        return worker

    def kill_at_a_chunk(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker that counts, surely while it is at a chunk: it is stopped to look."""
        at_one = self._folder / f"at-{worker.pid}"

        def stopped_there() -> bool:
            worker.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, worker.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            if at_one.exists():
                return True
            worker.send_signal(signal.SIGCONT)
            return False

        until(stopped_there, f"worker {worker.pid} is at a chunk")
        kill(worker)

    def end(self) -> None:
        """Kill whatever runs still."""
        for process in self._processes:
            kill(process)

    def _start(self, program: str, *options: str) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join([str(self._repository), os.environ.get("PYTHONPATH", "")])
        with (self._folder / f"{program}-{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", *options],
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": paths},
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def _said(self) -> str:
        """What the processes have written."""
        return "\n".join(log.read_text() for log in self._folder.glob("*.log"))

    def _wait(self, note: Path, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _START_S
        while not note.exists() or not note.read_text().strip():
            assert process.poll() is None, self._said()
            assert time.monotonic() < end, f"{note} is not written"
            time.sleep(0.02)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process at once, and wait until it has."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
