"""One connection: what it is waited for, for how long, and what it holds meanwhile."""

from __future__ import annotations

import math
import re
import socket
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import WSGITask
from waitress.utilities import BadRequest, Error

from service.problems import REFUSED, PlainProblem, kind_of
from service.wsgi.writers import is_write

LINGER_S = 2.0
"""How long a stopping worker keeps idle connections: their clients may be sending already."""

_MOST_QUOTED = 200
_MOST_LINES = 100
_MOST_FRAMING = 65_536
_REQUEST_LINE = re.compile(
    rb"[!-~]{1,32} (?:/|\*|(?i:https?)://[^\x00-\x20\x7f/?#]{1,255})[^\x00-\x20\x7f]*+ HTTP/1\.[01]"
)


@dataclass(frozen=True)
class Patience:
    """What clients may take: seconds to send a request, to take an answer, between two requests.

    `connections` are open at most; one more closes the one that has waited longest.
    """

    connections: int
    send_s: float
    take_s: float
    idle_s: float


class _Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """waitress's parser, given only what it reads in linear time."""

    path, command = "", "GET"  # of a request that has none
    error: Any
    adj: Any

    def received(self, data: bytes) -> int:
        """Take these bytes; returns how many belong to this request."""
        consumed = int(super().received(data))
        body = self.body_rcv
        if self.chunked and body is not None and self.error is None:
            framing = self.body_bytes_received - len(body)
            if framing > _MOST_FRAMING and framing > 3 * len(body):
                self.error = BadRequest("expected chunks that hold more than their framing")
                self.completed = True
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Raises ParsingError for what is no head of a request."""
        first, *lines = header_plus.split(b"\r\n")
        if not _REQUEST_LINE.fullmatch(first):
            raise ParsingError("the first line is not a request's of HTTP/1.0 or 1.1")
        if len(lines) > _MOST_LINES:
            raise ParsingError(f"expected at most {_MOST_LINES} headers")
        tidied = [_tidied(line) for line in lines if line]
        try:
            super().parse_header(b"\r\n".join([first, *tidied, b""]))
        except ValueError as error:  # a Content-Length of more digits than Python reads
            raise ParsingError("the headers cannot be read") from error
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("expected Content-Length or Transfer-Encoding, found both")
        if "TRANSFER_ENCODING" in self.headers:  # of HTTP/1.0, which has none
            raise ParsingError("expected no Transfer-Encoding in HTTP/1.0")
        if is_write(self.command, self.path):
            self.adj = self.adj.of_writes


def _tidied(line: bytes) -> bytes:
    """A header without the blanks around its value, in which waitress loses its way."""
    name, colon, value = line.partition(b":")
    if not colon or name[:1] in b" \t":
        raise ParsingError("a line of the head is no header")
    return name + b": " + value.strip(b" \t")


class _TooLate(Error):  # type: ignore[misc]  # waitress has no types
    code, reason = 408, "Request Timeout"


class _Answer(WSGITask):  # type: ignore[misc]  # waitress has no types
    def start(self) -> None:
        """Begin; a worker that is stopping tells clients to connect anew."""
        super().start()
        if self.channel.server.stopping:
            self.set_close_on_finish()

    def finish(self) -> None:
        """End, and count it."""
        super().finish()
        self.channel.n_answers += 1


class _Refusal(_Answer):
    """The answer to what is no request: made by the application, so that it looks like all others.

    Its path and method may be unknown; the connection is closed.
    """

    def get_environment(self) -> dict[str, Any]:
        """What the application needs to know."""
        error, self.version = self.request.error, "1.1"
        self.set_close_on_finish()
        self.channel.refused = True
        text = str(error.body)[:_MOST_QUOTED]
        if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            most = self.request.adj.max_request_body_size - 1
            text = f"expected a body of at most {most} bytes"
        environ = {"REQUEST_METHOD": self.request.command, "PATH_INFO": ""}
        return {**environ, REFUSED: PlainProblem(error.code, kind_of(error.code), text)}


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection."""

    parser_class = _Parser
    task_class = _Answer
    error_task_class = _Refusal
    request: Any
    close_when_flushed: bool
    n_answers = 0
    refused = draining = False
    _awaited: tuple[object, ...] = ()

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._since = time.monotonic()

    def readable(self) -> bool:
        """Whether to look for more of a request; what follows a refusal is read and forgotten."""
        return self.draining or bool(super().readable())

    def received(self, data: bytes) -> bool:
        """Take what arrived."""
        self.server.moved += len(data)
        return self.draining or bool(super().received(data))

    def write_soon(self, data: Any) -> int:
        """Send, or keep until it can be sent."""
        self.server.moved += len(data)
        return int(super().write_soon(data))

    def handle_write(self) -> None:
        """Send what waits.

        After a refusal the client may still be sending: closing at once would make its system
        throw the answer away unread.
        """
        if not (self.refused and self.close_when_flushed):
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif self.connected and not self.total_outbufs_len:
            self.close_when_flushed, self.draining = False, True
            self.socket.shutdown(socket.SHUT_WR)

    @property
    def held(self) -> int:
        """Bytes kept for this client: of a request that is not complete, of an answer not taken."""
        request = self.request
        sent = 0 if request is None else len(request.header_plus) + request.body_bytes_received
        return int(self.total_outbufs_len) + sent

    def overdue(self, now: float) -> bool:
        """Whether the client has taken too long for what is awaited of it."""
        awaited, most_s = self._await(self.server.patience)
        if awaited != self._awaited:
            self._awaited, self._since = awaited, now
        return now - self._since > most_s

    def _await(self, patience: Patience) -> tuple[tuple[object, ...], float]:
        """What is awaited, another value for every request and answer, and for how long, in s."""
        if self.draining:
            return ("drain",), LINGER_S
        if self.total_outbufs_len:
            return ("take", self.n_answers), patience.take_s
        if self.requests:
            return ("compute",), math.inf
        if self.request is not None:
            return ("send", self.request), patience.send_s
        return ("idle", self.last_activity), patience.idle_s

    @property
    def interruptible(self) -> bool:
        """Whether closing loses no answer that is being computed."""
        return not self.requests

    def forget_waiting(self) -> None:
        """Begin to count anew how long the client takes."""
        self._awaited = ()

    @property
    def waiting_since(self) -> float:
        """When the present wait was first noticed."""
        return self._since

    def give_up(self) -> None:
        """Close; a client that was still sending a body is told why."""
        late = self.request
        if late is None or not late.headers_finished or self.requests or self.total_outbufs_len:
            self.handle_close()
            return
        with self.requests_lock:
            late.error, late.completed = _TooLate("the body took too long to arrive"), True
            self.request = None
            self.requests.append(late)
        self.server.add_task(self)
