"""A real S3 server of this machine, for tests and measurements, by an interpreter of its own."""

from __future__ import annotations

import http.client
import os
import subprocess
from pathlib import Path

_CHILD = Path(__file__).with_name("object_store_child.py")
_INSTALLED = Path(__file__).parents[1] / ".venv/s3-server/bin/python"

SECRET = "AbCdEfSecretOfTheTests"
KEY = "AKIATESTSTESTSTESTS"
SIGNED = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20261129/us-east-1/s3/aws4_request,"
    " SignedHeaders=host, Signature=0"
}


class NoServer(Exception):
    """No interpreter has an S3 server."""


def interpreter() -> str:
    """The interpreter that has the server: S3_SERVER, else that of `make .venv/s3-server`.

    Raises NoServer; FileNotFoundError where S3_SERVER names none.
    """
    named = os.environ.get("S3_SERVER")
    found = Path(named) if named else _INSTALLED
    if not named and not found.is_file():
        raise NoServer("no S3 server is installed: make .venv/s3-server")
    if not found.is_file():
        raise FileNotFoundError(f"S3_SERVER={named}: no such interpreter")
    return str(found)


class ObjectStore:
    """An S3 server on loopback, which may be killed and started again over what it had.

    Objects are held in memory alone unless a folder is given.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def environment(self) -> dict[str, str]:
        """How a process reaches it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
        }

    def start(self) -> None:
        """Run, at the port it had before if it had one, until it answers. Raises NoServer."""
        outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        kept = [] if self._folder is None else [str(self._folder)]
        self._process = subprocess.Popen(
            [interpreter(), str(_CHILD), str(self.port), *kept],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**outside, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET},
        )
        assert self._process.stdout is not None
        said = ""
        while not said.startswith("port "):
            said = self._process.stdout.readline()
            assert said, "the server has ended"
        self.port = int(said.split()[1])

    def make_bucket(self, name: str) -> None:
        """An empty bucket of this name."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("PUT", f"/{name}", b"", SIGNED)
        status = connection.getresponse().status
        connection.close()
        assert status == 200, f"PUT /{name}: {status}"

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
