"""Gunicorn around the application."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from service.config import Settings
from service.logs import configure_logs, formatter_for

_GRACE_S = 30
_SILENCE_S = 30

_SWITCH_S = 0.0005
"""How long a thread keeps the interpreter while others want it. Python's 5 ms is as long as two
whole queries; under overload a request waits for its turn several times."""

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Read by prometheus_client when it is imported."""


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


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A threaded worker that stays alive to its supervisor while it loads.

    It accepts connections only after its snapshot is loaded; a load may take longer than the
    supervisor waits for a sign of life, so another thread gives one meanwhile.
    """

    def load_wsgi(self) -> None:
        """Load the application, telling the supervisor every second that this goes on."""
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


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn with threads; each worker loads its own snapshot after the fork.

    FAISS and OpenVINO keep threads that do not survive a fork, so nothing is preloaded.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = Path(tempfile.mkdtemp(prefix="shortlist-"))
        self._metrics = self._state / "metrics"
        self._metrics.mkdir()
        os.environ[METRICS_VARIABLE] = str(self._metrics)
        self._supervisor = os.getpid()
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's own settings, all that differ from its defaults."""
        options: dict[str, Any] = {
            "bind": _address(self._settings),
            "workers": self._settings.workers,
            "threads": self._settings.threads,
            "worker_class": "service.server.Worker",
            "timeout": _SILENCE_S,
            "graceful_timeout": _GRACE_S,
            "keepalive": 5,
            # A query of 1,000 characters takes up to 12,000 bytes percent-encoded.
            "limit_request_line": 0,
            "control_socket_disable": True,
            "proc_name": "shortlist",
            "child_exit": self._forget,
            "loglevel": self._settings.log_level.value,
            "logger_class": _logger_class(self._settings),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until told to stop; what the workers shared is removed at the end."""
        try:
            super().run()
        finally:
            if os.getpid() == self._supervisor:
                shutil.rmtree(self._state, ignore_errors=True)

    def load(self) -> WSGIApplication:
        """The application of one worker, its snapshot loaded."""
        from service.app import create_app

        sys.setswitchinterval(_SWITCH_S)
        configure_logs(self._settings.log_format, self._settings.log_level)
        return create_app(
            self._settings, last_good=self._state / "last-good", metrics_folder=self._metrics
        )

    def _forget(self, _: object, worker: ThreadWorker) -> None:
        """Gunicorn's hook for a worker that has ended, in whatever way."""
        from service.metrics import forget_worker

        forget_worker(self._metrics, worker.pid)


def _logger_class(settings: Settings) -> type[glogging.Logger]:
    """Gunicorn's logger, its lines in the form of all the others."""

    class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            for handler in self.error_log.handlers:
                handler.setFormatter(formatter_for(settings.log_format))

    return Logger
