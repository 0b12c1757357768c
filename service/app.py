"""create_app: the service's parts, wired."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from service.api import api_blueprint
from service.config import Settings
from service.pages import pages_blueprint
from service.problems import register_problems
from service.reloader import Reloader
from service.snapshot import LoadOptions, SnapshotHolder

QUERY_LENGTHS = (8, 12)
"""Token counts that short queries are padded to; see Encoder."""


def create_app(settings: Settings, *, last_good: Path | None = None) -> Flask:
    """A WSGI application that serves the live version, or says why it cannot.

    `last_good` is a file in which the workers of one service share the version that last
    passed. The reloader is `app.extensions["reloader"]`, started; `stop()` ends it.
    """
    holder = SnapshotHolder()
    reloader = Reloader(
        settings.artifacts,
        holder,
        load_options(settings),
        poll_s=settings.poll_s,
        last_good=last_good,
    )
    app = Flask("service", static_folder=None)
    app.extensions["reloader"] = reloader
    app.register_blueprint(api_blueprint(holder))
    app.register_blueprint(pages_blueprint(holder))
    register_problems(app)
    reloader.start()
    return app


def load_options(settings: Settings) -> LoadOptions:
    """The part of the settings that says how a snapshot runs."""
    return LoadOptions(
        precision=settings.precision,
        encoder_threads=settings.threads_per_encoder,
        max_batch=settings.max_batch,
        max_waiting=settings.max_waiting,
        query_cache=settings.query_cache,
        fixed_lengths=QUERY_LENGTHS,
    )
