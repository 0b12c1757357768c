"""One connection: what it is waited for, for how long, and what it holds meanwhile."""

from __future__ import annotations

import math
import socket
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import WSGITask
from waitress.utilities import Error

from service.problems import REFUSED, PlainProblem, kind_of

LINGER_S = 2.0
"""How long a stopping worker keeps idle connections: their clients may be sending already."""

_MOST_QUOTED = 200


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
    def parse_header(self, header_plus: bytes) -> None:
        """As waitress does it, and what it does not foresee is a malformed request too."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # a Content-Length of more digits than Python reads
            raise ParsingError("the headers cannot be read") from error


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
            most = self.channel.adj.max_request_body_size - 1
            text = f"expected a body of at most {most} bytes"
        environ = {"REQUEST_METHOD": getattr(self.request, "command", "GET"), "PATH_INFO": ""}
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
    _since = 0.0

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
        elif not self.total_outbufs_len:
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
            return ("send", id(self.request)), patience.send_s
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
