"""Requests that no client library would send, each made from its number alone."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

SEEDS = [
    b"GET /v1/search?q=space+travel&k=3&explain=true HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/search?q=a&category=Crime&range=year:1990:1999&w_similarity=0.5 HTTP/1.1\r\n"
    b"Host: a\r\nAccept-Encoding: gzip\r\n\r\n",
    b'GET /v1/items/10/similar?k=2 HTTP/1.1\r\nHost: a\r\nIf-None-Match: "x"\r\n\r\n',
    b"GET /v1/items/a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/suggest?q=ro HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /v1/catalog HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n",
    b"GET /?q=robots&profile=notebook HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n",
    b"GET /static/style.css HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n",
    b"HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS /v1/search HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n"
    b"Access-Control-Request-Method: GET\r\n\r\n",
    b"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b'Content-Length: 39\r\n\r\n{"q": "space", "filters": {}, "k": 2   }',
    b"POST /v1/search/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b'Content-Length: 44\r\n\r\n{"queries": [{"q": "love"}, {"q": "a heist"}]}',
    b"POST /v1/recommend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b'Transfer-Encoding: chunked\r\n\r\n10\r\n{"liked": [10, 2\r\n4\r\n0]} \r\n0\r\n\r\n',
    b"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b'Expect: 100-continue\r\nContent-Length: 12\r\n\r\n{"q": "sea"}',
    b"POST /v1/items HTTP/1.1\r\nHost: a\r\nX-API-Key: wr1te\r\nContent-Type: application/json\r\n"
    b'Content-Length: 46\r\n\r\n{"items": [{"movieId": 9999, "title": "A sea"}]}',
    b"PATCH /v1/items/10 HTTP/1.1\r\nHost: a\r\nX-API-Key: wr1te\r\nContent-Length: 20\r\n"
    b'Content-Type: application/json\r\n\r\n{"title": "A storm"}',
    b"DELETE /v1/items/10 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wr1te\r\n\r\n",
    b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 66"
    b'\r\n\r\n{"events": [{"type": "like", "item_id": 10, "session_id": "s"  }]}',
    b"GET /insights HTTP/1.1\r\nHost: a\r\nAuthorization: Basic OmszeQ==\r\n\r\n",
    b"GET /v1/changes/1 HTTP/1.1\r\nHost: a\r\nX-API-Key: wr1te\r\n\r\n",
]
PIECES = [
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"%", b"%00", b"%2f", b"%FF", b"\xff\xfe"),
    *(b"..", b"//", b"?", b"&", b"=", b"#", b"HTTP/9.9", b"HTTP/1.1", b"-1", b"0" * 30, b"9" * 400),
    *(b"Content-Length: 5\r\n", b"Content-Length: 1" + b"0" * 25 + b"\r\n", b"X: " + b"y" * 5000),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: \x0bchunked\r\n", b"null", b"1e999"),
    *(b"Script-Name: /x\r\n", b"SCRIPT_NAME: /x\r\n", b"X-Forwarded-Proto: javascript\r\n"),
    *(b"Host: \r\n", b"Expect: x\r\n", b"Connection: close\r\n", b"Upgrade: h2c\r\n", b"[" * 200),
    *(b'"\\ud800"', b"NaN", b"cursor=e30", b"ffffffff\r\n", b"0\r\n\r\n", b'{"a":' * 50),
    b"GET / HTTP/1.1\r\n\r\n",
]  # fmt: skip


def case(number: int) -> bytes:
    """The bytes of one case: a request with up to six things done to it."""
    draw = random.Random(number)
    sent = draw.choice(SEEDS)
    for _ in range(draw.randint(1, 6)):
        sent = draw.choice(_WAYS)(draw, sent)
    return sent


def _flipped(draw: random.Random, sent: bytes) -> bytes:
    place = draw.randrange(max(1, len(sent)))
    return sent[:place] + bytes([draw.randrange(256)]) + sent[place + 1 :]


def _cut(draw: random.Random, sent: bytes) -> bytes:
    return sent[: draw.randrange(len(sent) + 1)]


def _without(draw: random.Random, sent: bytes) -> bytes:
    begin, end = sorted(draw.randrange(len(sent) + 1) for _ in range(2))
    return sent[:begin] + sent[min(end, begin + 40) :]


def _twice(draw: random.Random, sent: bytes) -> bytes:
    begin, end = sorted(draw.randrange(len(sent) + 1) for _ in range(2))
    return sent[:end] + sent[begin:] if len(sent) < 20_000 else sent


def _with_a_piece(draw: random.Random, sent: bytes) -> bytes:
    place = draw.randrange(len(sent) + 1)
    return sent[:place] + draw.choice(PIECES) + sent[place:]


def _with_a_header(draw: random.Random, sent: bytes) -> bytes:
    first, _, rest = sent.partition(b"\r\n")
    return first + b"\r\n" + draw.choice(PIECES) + rest


def _with_another_length(draw: random.Random, sent: bytes) -> bytes:
    length = str(draw.choice([0, 1, 7, 39, 10**6, 10**9, 10**20])).encode()
    return re.sub(rb"Content-Length: \d+", b"Content-Length: " + length, sent)


def _followed(draw: random.Random, sent: bytes) -> bytes:
    return sent + draw.choice(SEEDS) if len(sent) < 20_000 else sent


_WAYS: list[Callable[[random.Random, bytes], bytes]] = [
    _flipped,
    _cut,
    _without,
    _twice,
    _with_a_piece,
    _with_a_header,
    _with_another_length,
    _followed,
]


@dataclass(frozen=True)
class Heard:
    """What came back: the statuses of whole answers, and bytes that are none."""

    statuses: list[int]
    rest: bytes


def heard(port: int, sent: bytes, *, within_s: float = 20) -> Heard:
    """What a service answers to these bytes on a connection that then sends no more."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=within_s) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while part := connection.recv(1 << 16):
                received += part
    return _answers(received, heads=sent)


def _answers(received: bytes, *, heads: bytes) -> Heard:
    statuses = []
    while match := re.match(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n", received):
        head, _, received = received.partition(b"\r\n\r\n")
        statuses.append(int(match[1]))
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        bodiless = statuses[-1] in {100, 204, 304} or received.startswith(b"HTTP/1.")
        if length and not bodiless and not (b"HEAD " in heads and not received):
            received = received[int(length[1]) :]
    return Heard(statuses, received)
