"""Connections: a request is read whole before a thread has it, an answer written without one.

waitress's event loop reads and writes all sockets of a worker; its threads only compute. What
waits for a client waits here, for a bounded time and in bounded memory.
"""

from __future__ import annotations

import errno
import logging
import math
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from wsgiref.types import WSGIApplication

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer, UnixWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.wasyncore import poll2

from service.channel import LINGER_S, Channel, Patience

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 128 * 1024
"""Of the request line and all headers: a cursor has 16 kB, a query of 1,000 characters 12 kB."""

MAX_HELD_BYTES = 64 * 1024 * 1024
"""Of all unfinished requests and untaken answers of a worker; whoever holds most goes first."""

_BACKLOG = 2048
_TICK_S = 0.5
_TELL_EACH_S = 10.0


class _Bounded:
    """What this service adds to a listening socket of waitress."""

    channel_class = Channel
    active_channels: dict[int, Channel]
    patience: Patience
    stopping = False
    moved = 0
    next_channel_cleanup = math.inf
    _next_tick = 0.0
    _told_at = -math.inf

    def accept(self) -> Any:
        """A new connection, None where there is none after all.

        The one that has waited longest makes room where there is none left.
        """
        if len(self.active_channels) >= self.patience.connections:
            self._make_room(f"{self.patience.connections} connections are open")
        try:
            return super().accept()  # type: ignore[misc]
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE}:
                raise
            self._make_room(str(error))
            return None

    def _make_room(self, why: str) -> None:
        now = time.monotonic()
        if now - self._told_at > _TELL_EACH_S:
            self._told_at = now
            log.warning("%s: closing those that wait longest", why)
        waiting = [one for one in self.active_channels.values() if one.interruptible]
        if waiting:
            min(waiting, key=lambda one: one.waiting_since).handle_close()

    def tick(self) -> None:
        """Close what is overdue and, of those that hold too much memory, the greatest."""
        now = time.monotonic()
        if now < self._next_tick and self.moved < MAX_HELD_BYTES // 8:
            return
        self._next_tick, self.moved = now + _TICK_S, 0
        for channel in list(self.active_channels.values()):
            if channel.overdue(now):
                channel.give_up()
        held = {channel: channel.held for channel in self.active_channels.values()}
        while sum(held.values()) > MAX_HELD_BYTES:
            greatest = max(held, key=lambda one: held[one])
            del held[greatest]
            greatest.handle_close()

    @property
    def held(self) -> int:
        """Bytes kept for all its clients."""
        return sum(channel.held for channel in list(self.active_channels.values()))

    def wind_up(self) -> None:
        """Accept nothing more; idle connections stay for a moment, for what is on its way."""
        self.stopping = True
        self.del_channel()  # type: ignore[attr-defined]
        self.patience = replace(self.patience, idle_s=min(self.patience.idle_s, LINGER_S))
        for channel in self.active_channels.values():
            channel.forget_waiting()


class _TcpListener(_Bounded, TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    pass


class _UnixListener(_Bounded, UnixWSGIServer):  # type: ignore[misc]  # waitress has no types
    pass


class Connections:
    """All connections of one worker over these bound sockets, and its threads.

    For the main thread, but for `wake`, which any thread and signal handler may call.
    """

    def __init__(
        self,
        app: WSGIApplication,
        sockets: Sequence[socket.socket],
        *,
        n_threads: int,
        max_body_bytes: int,
        patience: Patience,
    ) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        settings = Adjustments(
            threads=n_threads,
            ident=None,
            backlog=_BACKLOG,
            connection_limit=sys.maxsize,  # ours is another
            max_request_header_size=MAX_HEAD_BYTES,
            max_request_body_size=max_body_bytes + 1,  # it refuses what has as many
            inbuf_overflow=max_body_bytes + 1,  # nothing goes into temporary files
            outbuf_overflow=MAX_HELD_BYTES,
            outbuf_high_watermark=MAX_HELD_BYTES,
            log_socket_errors=False,
            clear_untrusted_proxy_headers=False,  # nothing here believes them
        )
        self._map: dict[int, Any] = {}
        self._threads = ThreadedTaskDispatcher()
        self._threads.set_thread_count(n_threads)
        self._listeners = [self._listen(app, one, settings) for one in sockets]
        for listener in self._listeners:
            listener.patience = patience

    def _listen(self, app: WSGIApplication, sock: socket.socket, settings: Adjustments) -> Any:
        kind = _UnixListener if sock.family == socket.AF_UNIX else _TcpListener
        return kind(
            app,
            map=self._map,
            _sock=sock,
            dispatcher=self._threads,
            adj=settings,
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
            bind_socket=False,
        )

    def turn(self, timeout_s: float) -> None:
        """Wait for events, at most so long, and see to them."""
        poll2(timeout_s, self._map)
        for listener in self._listeners:
            listener.tick()

    def wake(self) -> None:
        """End the present wait."""
        self._listeners[0].pull_trigger()

    def wind_up(self) -> None:
        """Accept nothing more."""
        for listener in self._listeners:
            listener.wind_up()

    @property
    def n_open(self) -> int:
        """How many are open."""
        return sum(len(listener.active_channels) for listener in self._listeners)

    @property
    def held(self) -> int:
        """Bytes kept for clients: of requests not complete, of answers not taken."""
        return sum(listener.held for listener in self._listeners)

    def close(self) -> None:
        """Close what is open and end the threads, those that compute after a second."""
        self._threads.shutdown(timeout=1)
        for one in [*self._map.values(), *self._listeners]:
            one.close()
