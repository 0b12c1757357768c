"""A service as a process that may be killed and started again at its port."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.server import HERE, free_port
from benchmarks.steady import search
from benchmarks.waiting import until


class ServiceProcess:
    """One service over an address, with a cache of its own; its log lies beside the cache."""

    def __init__(self, address: str, cache: Path) -> None:
        self.port = free_port()
        self._address, self._cache = address, cache
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it, in a process group of its own, without waiting until it is ready."""
        options = ["--artifacts", self._address, "--port", str(self.port), "--query-cache", "0"]
        with self._cache.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service", *options],
                cwd=HERE,
                env={**os.environ, "SHORTLIST_CACHE": str(self._cache)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End all its processes at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    def readiness(self) -> dict[str, Any]:
        """What /readyz says, empty while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/readyz")
            said: dict[str, Any] = json.loads(connection.getresponse().read())
            return said
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()

    def is_well(self, version: str) -> bool:
        """Whether it serves this version, finds nothing wrong, and answers a search."""
        said = self.readiness()
        if said.get("version") != version or said.get("degraded") is not False:
            return False
        with suppress(OSError, http.client.HTTPException, ValueError):
            return search(self.port, "first").status == 200
        return False

    def is_degraded(self) -> bool:
        """Whether it serves and says that something is wrong."""
        return self.readiness().get("degraded") is True

    def wait_until_well(self, version: str) -> None:
        """Until it `is_well`."""
        until(lambda: self.is_well(version), f"{self.port} serves {version}: {self.readiness()}")
