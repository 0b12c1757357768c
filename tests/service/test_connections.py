"""What waits for clients: bounded in time, in memory and in number, and never in a thread."""

from __future__ import annotations

import json
import logging
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from service.channel import Patience
from service.connections import MAX_HEAD_BYTES, MAX_HELD_BYTES, Connections
from service.problems import REFUSED, problem_body
from tests.serving import until

MAX_BODY_BYTES = 1000
LONG_S = 60.0
GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
LARGE_BYTES = 8 << 20


def app(environ: Any, start_response: Any) -> list[bytes]:
    """Says hello, repeats a body, answers much, or waits for an event of the test."""
    path = environ.get("PATH_INFO", "")
    if REFUSED in environ:
        return list(environ[REFUSED].answer(environ, start_response))
    if path == "/wait":
        environ["test.go"].wait(LONG_S)
    body = {"/large": b"x" * LARGE_BYTES}.get(path) or environ["wsgi.input"].read() or b"hello"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class Server:
    """Connections over the app above with two threads, turned by a thread of their own."""

    def __init__(self, **patience: Any) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.go = threading.Event()
        self.connections = Connections(
            self._app,
            [self.socket],
            n_threads=2,
            max_body_bytes=patience.pop("max_body_bytes", MAX_BODY_BYTES),
            max_write_bytes=patience.pop("max_write_bytes", None),
            patience=Patience(
                **{"connections": 50, "send_s": LONG_S, "take_s": LONG_S, "idle_s": LONG_S}
                | patience
            ),
        )
        self._end = threading.Event()
        self._todo: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._turn, daemon=True)
        self._thread.start()
        self._clients: list[socket.socket] = []

    def _app(self, environ: Any, start_response: Any) -> list[bytes]:
        return app({**environ, "test.go": self.go}, start_response)

    def _turn(self) -> None:
        while not self._end.is_set():
            self.connections.turn(0.05)
            while self._todo:
                self._todo.pop()()

    def wind_up(self) -> None:
        """Accept nothing more, once the thread that turns has seen to it."""
        done = threading.Event()
        self._todo += [done.set, self.connections.wind_up]  # the last first
        assert done.wait(LONG_S)

    def connect(self, sent: bytes = b"", *, receive_bytes: int = 0) -> socket.socket:
        """A new client that has sent this."""
        client = socket.socket()
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.settimeout(LONG_S)
        client.connect(("127.0.0.1", self.port))
        client.sendall(sent)
        self._clients.append(client)
        return client

    def ask(self, sent: bytes = GET) -> tuple[int, bytes]:
        """Status and body of the answer to what a new client sends."""
        return answer(self.connect(sent))

    def stop(self) -> None:
        """End everything."""
        self.go.set()
        for client in self._clients:
            client.close()
        self._end.set()
        self._thread.join()
        self.connections.close()
        self.socket.close()


def answer(client: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next answer on a connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += received_from(client)
    head, _, body = received.partition(b"\r\n\r\n")
    (length,) = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")]
    while len(body) < int(length.split()[1]):
        body += received_from(client)
    return int(head.split()[1]), body


def received_from(client: socket.socket) -> bytes:
    part = client.recv(1 << 20)
    assert part, "closed before the answer was whole"
    return part


def closed(client: socket.socket) -> bool:
    """Whether the server has closed a connection, whatever it sent before."""
    client.settimeout(LONG_S)
    with suppress(ConnectionError):
        while client.recv(1 << 20):
            pass
    return True


Start = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[Server] = []

    def begin(**patience: Any) -> Server:
        servers.append(Server(**patience))
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()


def problem(body: bytes) -> str:
    kind: str = json.loads(body)["type"]
    return kind.removeprefix("urn:shortlist:problem:")


def test_requests_one_after_the_other_on_one_connection(start: Start) -> None:
    client = start().connect()
    for _ in range(3):
        client.sendall(GET)
        assert answer(client) == (200, b"hello")
    client.sendall(HEAD + b"Content-Length: 3\r\n\r\nabc" + GET)
    assert answer(client)[0] == 200


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /he", GET[:-2], HEAD + b"Content-Length: 500\r\n\r\nhalf", HEAD + b"Transfer-"],
)
def test_any_number_of_half_requests_holds_no_thread(start: Start, begun: bytes) -> None:
    server = start()
    for _ in range(30):
        server.connect(begun)
    assert server.ask() == (200, b"hello")
    assert server.connections.n_open == 31


@pytest.mark.parametrize("begun", [b"GET /he", GET[:-2]])
def test_a_head_has_to_arrive_in_time(start: Start, begun: bytes) -> None:
    assert closed(start(send_s=0.1).connect(begun))


@pytest.mark.parametrize("framing", [b"Content-Length: 500", b"Transfer-Encoding: chunked"])
def test_a_body_has_to_arrive_in_time_and_a_late_one_is_told(start: Start, framing: bytes) -> None:
    client = start(send_s=0.1).connect(HEAD + framing + b"\r\n\r\n")
    status, body = answer(client)
    assert (status, problem(body)) == (408, "request_timeout")
    assert closed(client)


def test_a_drop_now_and_then_does_not_extend_the_time(start: Start) -> None:
    client = start(send_s=0.3).connect(HEAD + b"Content-Length: 900\r\n\r\n")
    begun = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() < begun + LONG_S:
            client.sendall(b"x")
            time.sleep(0.02)
            client.setblocking(False)
            with suppress(BlockingIOError):
                assert client.recv(100).startswith(b"HTTP/1.1 408 ")
                break
            client.setblocking(True)
    assert time.monotonic() < begun + LONG_S


def test_an_idle_connection_is_closed(start: Start) -> None:
    server = start(idle_s=0.1)
    client = server.connect(GET)
    assert answer(client) == (200, b"hello")
    assert closed(client)
    assert closed(server.connect())


def test_an_answer_that_is_not_taken_holds_no_thread_and_ends_in_time(start: Start) -> None:
    server = start(take_s=0.5)
    stalled = [
        server.connect(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n", receive_bytes=4096)
        for _ in range(5)
    ]
    assert server.ask() == (200, b"hello")
    until(lambda: server.connections.n_open <= 1)
    assert all(closed(one) for one in stalled)


def test_a_slow_reader_gets_all_of_a_large_answer(start: Start) -> None:
    client = start().connect(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n", receive_bytes=65536)
    time.sleep(0.2)
    status, body = answer(client)
    assert (status, body) == (200, b"x" * LARGE_BYTES)


def test_those_who_hold_most_memory_are_closed_when_it_is_too_much(start: Start) -> None:
    server = start()
    modest = server.connect(HEAD + b"Content-Length: 500\r\n\r\nhalf")
    n_stalled = 2 * MAX_HELD_BYTES // LARGE_BYTES
    for _ in range(n_stalled):
        server.connect(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n", receive_bytes=4096)
    until(lambda: server.connections.n_open < n_stalled)
    until(lambda: server.connections.held <= MAX_HELD_BYTES)
    modest.sendall(b"x" * 496)
    assert answer(modest)[0] == 200


def test_one_connection_too_many_closes_the_one_that_waits_longest(start: Start) -> None:
    server = start(connections=10)
    busy = server.connect(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
    until(lambda: server.connections.n_open == 1)
    others = []
    for _ in range(9):
        others.append(server.connect())
        until(lambda: server.connections.n_open == 1 + len(others))
    # By now it has been noticed that they wait, as it is a while after they came.
    until(lambda: all(channel._awaited for channel in server.connections._channels()))
    newest = server.connect()
    assert closed(others[0])
    server.connect()
    assert closed(others[1])
    newest.sendall(GET)
    assert answer(newest) == (200, b"hello")
    others[-1].sendall(GET)
    assert answer(others[-1]) == (200, b"hello")
    server.go.set()
    assert answer(busy) == (200, b"hello")


def test_a_crowd_that_has_connected_is_answered_before_the_end(start: Start) -> None:
    server = start(connections=1000)
    clients = [server.connect(GET) for _ in range(150)]
    server.wind_up()
    assert [answer(client) for client in clients] == [(200, b"hello")] * 150
    until(lambda: server.connections.n_open == 0)


def test_clients_that_reset_after_nonsense_leave_no_errors(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = start()
    for _ in range(300):
        client = socket.create_connection(("127.0.0.1", server.port), timeout=LONG_S)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"\x01\r\n\r\n")
        client.close()
    assert server.ask() == (200, b"hello")
    until(lambda: server.connections.n_open <= 1)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


SLOW_TO_PARSE = {
    "digits of a host": b"GET a://" + b"1" * 20_000 + b" X\r\n\r\n",
    "a long host": b"GET http://" + b"1" * 60_000 + b" X\r\n\r\n",
    "a long target": b"GET /" + b"a:" * 30_000 + b"\x01 HTTP/1.1\r\n\r\n",
    "blanks before a value": b"GET / HTTP/1.1\r\na:" + b" " * 60_000 + b"\x01\r\n\r\n",
    "blanks in a value": b"GET / HTTP/1.1\r\na: b" + b" " * 60_000 + b"\x01\r\n\r\n",
    "thousands of headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n",
    "an extension": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a=" * 30_000 + b"\x01\r\n",
}


@pytest.mark.parametrize("sent", SLOW_TO_PARSE.values(), ids=SLOW_TO_PARSE)
def test_no_head_takes_long_to_read(sent: bytes) -> None:
    """In a process of its own: a pattern that loses its way stops every thread."""
    program = (
        "import sys; from service.channel import _Parser; from waitress.adjustments import *\n"
        "parser = _Parser(Adjustments()); data = sys.stdin.buffer.read()\n"
        "while data and not parser.completed: data = data[parser.received(data):]\n"
        "print(parser.error.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=sent, capture_output=True, timeout=20, check=True
    )
    assert done.stdout == b"400\n"


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Content-Length: 1001\r\n\r\n", 413, "content_too_large"),
        (HEAD + b"Content-Length: 1" + b"0" * 20 + b"\r\n\r\n", 413, "content_too_large"),
        (HEAD + b"Content-Length: 1" + b"0" * 5000 + b"\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nsecret\r\n", 400, "bad_request"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400, "bad_request"),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n7d1\r\n" + b"x" * 2001 + b"\r\n0\r\n\r\n",
            413,
            "content_too_large",
        ),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        (
            HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "bad_request",
        ),
        (HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: x\r\n\r\n", 400, "bad_request"),
        (GET.replace(b"1.1", b"2.0"), 400, "bad_request"),
        (b"GET /hello\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\na: b\r\n folded\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 400, "bad_request"),
        (
            b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
            431,
            "request_header_fields_too_large",
        ),
    ],
)
def test_what_is_no_request_is_answered_in_the_one_shape(
    start: Start, sent: bytes, status: int, kind: str
) -> None:
    client = start().connect(sent)
    found, body = answer(client)
    assert (found, problem(body)) == (status, kind)
    assert list(json.loads(body)) == list(json.loads(problem_body(status, kind, "")))
    assert b"secret" not in body
    assert len(body) < 500
    assert closed(client)


def test_a_refused_client_that_goes_on_sending_still_hears_why(start: Start) -> None:
    client = start().connect(HEAD + b"Content-Length: 5000000\r\n\r\n")
    with suppress(ConnectionError):
        for _ in range(50):
            client.sendall(b"x" * 100_000)
    assert answer(client)[0] == 413


def test_chunks_that_are_all_framing_are_refused(start: Start) -> None:
    server = start(max_body_bytes=1_000_000)
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert server.ask(head + b"1\r\nx\r\n" * 100 + b"0\r\n\r\n") == (200, b"x" * 100)
    status, body = server.ask(head + b"1\r\nx\r\n" * 50_000)
    assert (status, problem(body)) == (400, "bad_request")


def test_a_body_of_exactly_the_limit_is_read_announced_or_chunked(start: Start) -> None:
    server, body = start(), b"x" * MAX_BODY_BYTES
    assert server.ask(HEAD + b"Content-Length: 1000\r\n\r\n" + body) == (200, body)
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + body + b"\r\n0\r\n\r\n"
    assert server.ask(chunked)[0] == 413  # with the framing it has more bytes than that
    small = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert server.ask(small) == (200, b"abc")


@pytest.mark.parametrize(
    ("line", "most"),
    [(b"POST /v1/items", 3000), (b"PATCH /v1/items/7", 3000), (b"PATCH http://a/v1/items/7", 3000),
     (b"POST /v1/items?wait=visible", 3000), (b"POST /v1/search", 1000), (b"GET /v1/items/7", 1000),
     (b"POST /v1/itemsx", 1000)],
)  # fmt: skip
def test_the_body_of_what_writes_has_a_limit_of_its_own(
    start: Start, line: bytes, most: int
) -> None:
    server = start(max_write_bytes=3000)
    for n_bytes, expected in ((most, 200), (most + 1, 413)):
        head = b"%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (line, n_bytes)
        status, body = server.ask(head + b"x" * n_bytes)
        assert status == expected
        if status == 413:
            assert f"at most {most} bytes" in json.loads(body)["detail"]
    without = start()
    head = b"%s HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" % line
    assert without.ask(head)[0] == 413


def test_winding_up_finishes_what_was_begun_and_closes_the_rest(start: Start) -> None:
    server = start()
    busy = server.connect(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
    idle, kept = server.connect(), server.connect(GET)
    assert answer(kept) == (200, b"hello")
    until(lambda: server.connections.n_open == 3)
    server.wind_up()
    kept.sendall(GET)
    status, _ = answer(kept)
    assert status == 200
    assert closed(kept), "told to connect anew"
    assert closed(idle)
    server.go.set()
    assert answer(busy) == (200, b"hello")
    until(lambda: server.connections.n_open == 0)
