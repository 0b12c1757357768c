"""Gunicorn around the application."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from service.config import Settings

_GRACE_S = 30
_SILENCE_S = 30


def _address(settings: Settings) -> str:
    """Host and port as gunicorn wants them; an IPv6 address stands in brackets."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


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

        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("service").setLevel(logging.INFO)
        return create_app(self._settings, last_good=self._state / "last-good")
