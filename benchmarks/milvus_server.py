"""A real Milvus server of this machine, for tests and measurements, in a network of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_S = 120


class NoNetwork(Exception):
    """No network of its own can be made for a server."""


class MilvusServer:
    """A server over a folder of its own, which may be killed, frozen and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._outside = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._outside.getsockname()[1]}"
        self._child: subprocess.Popen[str] | None = None
        self.pid = 0

    def start(self) -> None:
        """Run, until it answers."""
        number = self._outside.fileno()
        child = Path(__file__).with_name("milvus_child.py")
        self._child = subprocess.Popen(
            [*_apart(), sys.executable, "-P", str(child), str(self.folder), str(number)],
            pass_fds=(number,), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._child.stdout is not None
        said = self._child.stdout.readline()
        assert said.strip(), "the server does not start"
        self.pid = int(said)
        self._wait_until_ready()

    def kill(self) -> None:
        """End it at once, as it is."""
        if self._child is not None:
            os.kill(self.pid, signal.SIGKILL)
            assert self._child.stdin is not None
            self._child.stdin.close()
            self._child.wait(READY_S)
            assert self._child.stdout is not None
            self._child.stdout.close()
            self._child = None

    def stop(self) -> None:
        """End it and forget its port."""
        self.kill()
        self._outside.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and says nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def _wait_until_ready(self) -> None:
        from pymilvus import MilvusClient, MilvusException

        ends_at = time.monotonic() + READY_S
        while True:
            try:
                client = MilvusClient(self.uri, timeout=2)
                client.list_collections(timeout=2)
                client.close()
                return
            except MilvusException:
                assert time.monotonic() < ends_at, "Milvus does not start"
                time.sleep(0.2)


def _apart() -> list[str]:
    """What runs a program in a network of its own."""
    unshare = shutil.which("unshare")
    apart = [unshare or "unshare", "--net"]
    for more in ([], ["--user", "--map-root-user"]):
        command = [*apart, *more, "true"]
        if unshare and not subprocess.run(command, check=False, capture_output=True).returncode:
            return [*apart, *more]
    raise NoNetwork("Milvus needs a network of its own: unshare --net is not allowed here")


@contextmanager
def milvus_server() -> Iterator[MilvusServer]:
    """A running server over an empty folder, which is removed with it. Raises NoNetwork."""
    folder = Path(tempfile.mkdtemp(prefix="shortlist-milvus-"))
    try:
        server = MilvusServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
