"""A real S3 server, a proxy before it that breaks what it is told to, a bucket for each test."""

from __future__ import annotations

import http.client
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.object_store import KEY, SECRET, SIGNED, NoServer, ObjectStore
from shortlist.bundle.remote.store import RemoteStore
from shortlist.bundle.stores import open_store

__all__ = ["KEY", "SECRET", "SIGNED"]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[int]:
    """The port of an S3 server of this test run, on loopback.

    With S3_SERVER, the interpreter that has it, set, a missing one is a failure.
    """
    server = ObjectStore()
    try:
        server.start()
    except NoServer as error:
        pytest.skip(str(error))
    try:
        yield server.port
    finally:
        server.kill()


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Asked:
    """One request; without one of its headers it is forwarded without it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    forward: Callable[[], Answer]

    @property
    def is_list(self) -> bool:
        return "list-type=" in self.query


Fault = Callable[[Asked], Answer | None]
"""An answer in the place of the server's, None to leave it as it is; may raise Cut."""


class Cut(Exception):
    """The connection ends after so many bytes of an answer's body."""

    def __init__(self, answer: Answer | None = None, at: int = 0) -> None:
        super().__init__()
        self.answer, self.at = answer, at


def refusal(status: int, code: str) -> Answer:
    """An error as S3 writes it."""
    body = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()
    return Answer(status, [("Content-Type", "application/xml")], body)


def away(_: Asked) -> Answer:
    """503 to everything."""
    return refusal(503, "SlowDown")


def expired(_: Asked) -> Answer:
    """The credentials are not valid any more."""
    return refusal(403, "ExpiredToken")


@dataclass
class Proxy:
    """Forwards to the server; `fault` may answer instead. Counts requests, one writes at a time."""

    server: int
    fault: Fault | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent_bytes: int = 0
    port: int = 0
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What the server answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server, timeout=60)
        try:
            connection.request(method, path, body, headers)
            said = connection.getresponse()
            return Answer(said.status, said.getheaders(), said.read())
        finally:
            connection.close()

    def count(self, method: str, part: str) -> int:
        """How many requests of a method had this in their path."""
        return sum(one == method and part in path for one, path in list(self.asked))

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """With a fault as long as the block runs."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = None

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """The answer to one request."""
        self.asked.append((method, path))

        def forward() -> Answer:
            if method not in {"PUT", "POST"}:
                return self.forward(method, path, headers, body)
            with self._writing:  # the server looks and writes in two steps
                return self.forward(method, path, headers, body)

        where, _, query = path.partition("?")
        asked = Asked(method, where, query, headers, forward)
        fault = self.fault
        return (None if fault is None else fault(asked)) or forward()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items())
            try:
                answer = proxy.handle(self.command, self.path, headers, body)
            except Cut as cut:
                if cut.answer is not None:
                    self._send(cut.answer, cut.at)
                self.close_connection = True
                return
            self._send(answer, len(answer.body))

        def _send(self, answer: Answer, length: int) -> None:
            skipped = {"transfer-encoding", "connection", "server", "date"}
            has_length = any(name.lower() == "content-length" for name, _ in answer.headers)
            self.send_response(answer.status)
            for name, value in answer.headers:
                if name.lower() not in skipped:
                    self.send_header(name, value)
            if not has_length and answer.status not in {204, 304}:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[:length])
                proxy.sent_bytes += length

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815  # as http.server calls them

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *about: Any) -> None:
        """A client that is killed is no matter."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*about)


@pytest.fixture
def proxy(s3_server: int) -> Iterator[Proxy]:
    """A way to the server that can be broken."""
    found = Proxy(s3_server)
    with _Server(("127.0.0.1", 0), _handler(found)) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Bucket:
    """A prefix in a bucket of its own, what reaches it, and what lies in it."""

    url: str
    proxy: Proxy
    environment: dict[str, str]
    folder: Path

    @property
    def name(self) -> str:
        return self.url.removeprefix("s3://").split("/")[0]

    def machine(self, name: str) -> RemoteStore:
        """What another machine, with a cache of its own, sees."""
        store = open_store(self.url, cache=self.folder / name)
        assert isinstance(store, RemoteStore)
        return store

    def names(self) -> set[str]:
        """All objects below the prefix, as the server has them."""
        said = self.proxy.forward("GET", f"/{self.name}?list-type=2&max-keys=1000", SIGNED, b"")
        keys = re.findall(r"<Key>(.*?)</Key>", said.body.decode())
        return {one.removeprefix("art/") for one in keys}

    def get(self, name: str) -> bytes | None:
        said = self.proxy.forward("GET", f"/{self.name}/art/{name}", SIGNED, b"")
        return said.body if said.status == 200 else None

    def put(self, name: str, content: bytes) -> None:
        said = self.proxy.forward("PUT", f"/{self.name}/art/{name}", SIGNED, content)
        assert said.status == 200

    def delete(self, name: str) -> None:
        assert self.proxy.forward("DELETE", f"/{self.name}/art/{name}", SIGNED, b"").status == 204


@pytest.fixture
def bucket(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket; this process and those it starts reach it, their copies below tmp_path."""
    name = f"bucket-{os.getpid()}-{time.time_ns()}"
    assert proxy.forward("PUT", f"/{name}", SIGNED, b"").status == 200
    environment = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}",
        "SHORTLIST_CACHE": str(tmp_path / "cache"),
    }
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    return Bucket(f"s3://{name}/art", proxy, environment, tmp_path / "machines")


@pytest.fixture
def quick_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that nobody writes anew is free after two seconds and a half."""
    from shortlist.bundle.remote import lease

    monkeypatch.setattr(lease, "BEAT_S", 0.1)
    monkeypatch.setattr(lease, "EXPIRED_S", 2.5)
    monkeypatch.setattr(lease, "_MARGIN_S", 0.5)
    monkeypatch.setattr(lease, "_LOOK_S", 0.05)
