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
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any
from wsgiref.types import WSGIApplication

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer, UnixWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.wasyncore import poll2

from service.channel import LINGER_S, Channel, Patience

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 * 1024
"""Of the request line and all headers: a cursor has 16 kB, a query of 1,000 characters 12 kB."""

MAX_HELD_BYTES = 64 * 1024 * 1024
"""Of all unfinished requests and untaken answers of a worker; whoever holds most goes first."""

_BACKLOG = 2048
_ACCEPTED_AT_ONCE = 16
_TICK_S = 0.5
_TELL_EACH_S = 10.0


class _Bounded:
    """What this service adds to a listening socket of waitress."""

    channel_class = Channel
    active_channels: dict[int, Channel]
    patience: Patience
    channels: Callable[[], list[Channel]]
    stopping = False
    moved = 0
    next_channel_cleanup = math.inf  # the time of clients is kept elsewhere
    _told_at = -math.inf

    socket: Any
    adj: Any
    _map: Any
    set_socket_options: Any
    fix_addr: Any
    del_channel: Any

    def handle_accept(self) -> None:
        """Accept those who wait, some at a time."""
        for _ in range(_ACCEPTED_AT_ONCE):
            if not self.accept_one():
                return

    def accept_one(self) -> bool:
        """Accept a connection, if one waits.

        The one that has waited longest makes room where there is none left.
        """
        try:
            client, address = self.socket.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self._make_room(str(error))
            return False
        if len(self.channels()) >= self.patience.connections:
            self._make_room(f"{self.patience.connections} connections are open")
        self.set_socket_options(client)
        self.channel_class(self, client, self.fix_addr(address), self.adj, map=self._map)
        return True

    def _make_room(self, why: str) -> None:
        now = time.monotonic()
        if now - self._told_at > _TELL_EACH_S:
            self._told_at = now
            log.warning("%s: closing those that wait longest", why)
        waiting = [one for one in self.channels() if one.interruptible]
        if waiting:
            min(waiting, key=lambda one: one.waiting_since).handle_close()

    def wind_up(self) -> None:
        """Accept those who wait already, and then nothing more.

        Idle connections stay for a moment, for what is on its way.
        """
        self.stopping = True
        for _ in range(_BACKLOG):
            if not self.accept_one():
                break
        self.del_channel()
        self.patience = replace(self.patience, idle_s=min(self.patience.idle_s, LINGER_S))


class _TcpListener(_Bounded, TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    pass


class _UnixListener(_Bounded, UnixWSGIServer):  # type: ignore[misc]  # waitress has no types
    pass


class Connections:
    """All connections of one worker over these bound sockets, and its threads.

    A body has at most `max_body_bytes`, one of a request that changes items `max_write_bytes` where
    that is given.

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
        max_write_bytes: int | None = None,
    ) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        settings = Adjustments(
            threads=n_threads,
            ident=None,
            backlog=_BACKLOG,
            connection_limit=sys.maxsize,  # ours is another
            max_request_header_size=MAX_HEAD_BYTES,
            max_request_body_size=max_body_bytes + 1,  # it refuses what has as many
            inbuf_overflow=max(max_body_bytes, max_write_bytes or 0) + 1,  # no temporary files
            outbuf_overflow=MAX_HELD_BYTES,
            outbuf_high_watermark=MAX_HELD_BYTES,
            log_socket_errors=False,
            clear_untrusted_proxy_headers=False,  # nothing here believes them
        )
        settings.of_writes = copy(settings)
        if max_write_bytes is not None:
            settings.of_writes.max_request_body_size = max_write_bytes + 1
        self._map: dict[int, Any] = {}
        self._threads = ThreadedTaskDispatcher()
        self._threads.set_thread_count(n_threads)
        self._listeners = [self._listen(app, one, settings) for one in sockets]
        for listener in self._listeners:
            listener.patience, listener.channels = patience, self._channels
        self._next_tick = 0.0

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
        now = time.monotonic()
        moved = sum(listener.moved for listener in self._listeners)
        if now >= self._next_tick or moved >= MAX_HELD_BYTES // 8:
            self._next_tick = now + _TICK_S
            self._tick(now)

    def _tick(self, now: float) -> None:
        """Close what is overdue and, of those that hold too much memory, the greatest."""
        for listener in self._listeners:
            listener.moved = 0
        for channel in self._channels():
            if channel.overdue(now):
                channel.give_up()
        while self.held > MAX_HELD_BYTES:
            max(self._channels(), key=lambda one: one.held).handle_close()

    def _channels(self) -> list[Channel]:
        return [
            one for listener in self._listeners for one in list(listener.active_channels.values())
        ]

    def wake(self) -> None:
        """End the present wait."""
        self._listeners[0].pull_trigger()

    def wind_up(self) -> None:
        """Accept nothing more."""
        for listener in self._listeners:
            listener.wind_up()
        for channel in self._channels():
            channel.forget_waiting()

    @property
    def n_open(self) -> int:
        """How many are open."""
        return len(self._channels())

    @property
    def held(self) -> int:
        """Bytes kept for clients: of requests not complete, of answers not taken."""
        return sum(channel.held for channel in self._channels())

    def close(self) -> None:
        """Close what is open and end the threads, those that compute after a second."""
        self._threads.shutdown(timeout=1)
        for one in [*self._map.values(), *self._listeners]:
            one.close()
