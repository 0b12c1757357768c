"""Gunicorn supervises the workers; waitress reads and writes what they answer."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.workers.base import Worker as SupervisedWorker

from service.channel import Patience
from service.config import Settings
from service.connections import Connections
from service.heap import share_arenas
from service.logs import configure_logs, formatter_for
from service.state import SharedState, connections_within

_GRACE_S = 30
_SILENCE_S = 30
_IDLE_S = 5.0

_SWITCH_S = 0.0005
"""How long a thread keeps the interpreter while others want it. Python's 5 ms is as long as two
whole queries; under overload a request waits for its turn several times."""


def _address(settings: Settings) -> str:
    """Host and port as gunicorn wants them; an IPv6 address stands in brackets."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def why_not_listen(settings: Settings) -> str | None:
    """What is wrong with host and port, found before gunicorn tries five times; None when nothing.

    Sockets that were handed down (by systemd, or by the server that this one replaces) are bound.
    """
    if {"LISTEN_FDS", "GUNICORN_FD"} & set(os.environ):
        return None
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{_address(settings)} is in use; choose another with --port"
            return f"{_address(settings)} cannot be listened on: {error.strerror}"
    return None


class Worker(SupervisedWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker whose connections are waitress's.

    Gunicorn's own threads read the request: a client that sends half of one holds a thread for
    ever. Connections are accepted only after the snapshot is loaded.
    """

    def load_wsgi(self) -> None:
        """Load the application, telling the supervisor every second that this goes on.

        A load may take longer than the supervisor waits for a sign of life.
        """
        loaded = threading.Event()

        def tell() -> None:
            while not loaded.wait(1):
                self.notify()

        thread = threading.Thread(target=tell, name="loading", daemon=True)
        thread.start()
        try:
            super().load_wsgi()
        finally:
            loaded.set()
            thread.join()

    def run(self) -> None:
        """Answer until told to stop, then finish what was begun."""
        settings: Settings = self.app.settings
        connections = Connections(
            self.wsgi,
            [listener.sock for listener in self.sockets],
            n_threads=settings.threads + settings.write_places + settings.event_places,
            max_body_bytes=settings.max_body_bytes,
            max_write_bytes=settings.max_write_bytes if settings.writes else None,
            patience=Patience(
                connections=connections_within(settings.max_connections),
                send_s=settings.client_s,
                take_s=settings.client_s,
                idle_s=_IDLE_S,
            ),
        )
        self._wake = connections.wake
        while self.alive and self.ppid == os.getppid():
            self.notify()
            connections.turn(1.0)
        connections.wind_up()
        end = time.monotonic() + self.cfg.graceful_timeout
        while connections.n_open and time.monotonic() < end:
            self.notify()
            connections.turn(0.1)
        self._wake = lambda: None
        connections.close()
        recorder = self.wsgi.extensions.get("recorder")
        if recorder is not None:
            recorder.stop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop soon."""
        super().handle_exit(sig, frame)
        self._wake()

    _wake: Callable[[], None] = staticmethod(lambda: None)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's supervisor; each worker loads its own snapshot after the fork.

    FAISS and OpenVINO keep threads that do not survive a fork, so nothing is preloaded.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._state = SharedState()
        self._supervisor = os.getpid()
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's own settings, all that differ from its defaults."""
        options: dict[str, Any] = {
            "bind": _address(self.settings),
            "workers": self.settings.workers,
            "worker_class": "service.server.Worker",
            "timeout": _SILENCE_S,
            "graceful_timeout": _GRACE_S,
            "worker_tmp_dir": str(self._state.parent),
            "control_socket_disable": True,
            "proc_name": "shortlist",
            "child_exit": self._forget,
            "loglevel": self.settings.log_level.value,
            "logger_class": _logger_class(self.settings),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until told to stop; what the workers shared is removed at the end."""
        try:
            super().run()
        finally:
            if os.getpid() == self._supervisor:
                self._state.remove()

    def load(self) -> WSGIApplication:
        """The application of one worker, its snapshot loaded."""
        sys.setswitchinterval(_SWITCH_S)
        share_arenas()
        configure_logs(self.settings.log_format, self.settings.log_level)
        problem = self._state.reserve_numbers()  # before prometheus_client is imported
        from service.app import create_app

        return create_app(
            self.settings,
            memory=self._state.folder,
            metrics_folder=self._state.metrics,
            numbers_problem=problem,
        )

    def _forget(self, _: object, worker: Worker) -> None:
        """Gunicorn's hook for a worker that has ended, in whatever way."""
        self._state.forget_worker(worker.pid)


def _logger_class(settings: Settings) -> type[glogging.Logger]:
    """Gunicorn's logger, its lines in the form of all the others."""

    class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            for handler in self.error_log.handlers:
                handler.setFormatter(formatter_for(settings.log_format))

    return Logger
