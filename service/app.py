"""create_app: the service's parts, wired."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from wsgiref.types import WSGIApplication, WSGIEnvironment

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service.api import api_blueprint
from service.budget import Budget
from service.config import Settings
from service.live import SnapshotHolder
from service.logs import log_exchange
from service.metrics import CONTENT_TYPE, Metrics
from service.pages import pages_blueprint, problem_page, wants_page
from service.people import People
from service.problems import MEDIA_TYPE, defect_body, kind_of, problem_body, problem_of
from service.reloader import Reloader
from service.requests import spelled
from service.write_api import write_blueprint
from service.writes import Writes
from service.wsgi.admission import API_PREFIX, METRICS_PATH, Admission, Credentials, Places
from service.wsgi.compression import compressed
from service.wsgi.exchange import Exchange, Exchanges, exchange_of
from service.wsgi.headers import ResponseHeaders
from shortlist.bundle.signing import read_trusted_keys
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.snapshot import LoadOptions
from shortlist.errors import InvalidParameter, QueryError
from shortlist.events.person import Pseudonyms

QUERY_LENGTHS = (12,)
"""Token counts that short queries are padded to; each costs memory and start-up. See Encoder."""

_ROUTE = "shortlist.route"


def create_app(
    settings: Settings,
    *,
    memory: Path | None = None,
    metrics_folder: Path | None = None,
    numbers_problem: str | None = None,
) -> Flask:
    """A WSGI application that serves the live version, or says why it cannot.

    `memory` is a folder in which the workers of one service share what became of versions,
    `metrics_folder` one in which they share their numbers; `numbers_problem` is why they do not.
    The reloader is `app.extensions["reloader"]`, started; `stop()` ends it.
    """
    metrics = Metrics(metrics_folder)
    store = ArtifactStore(settings.artifacts)
    holder = SnapshotHolder(metrics, current=store.current_text)
    holder.numbers_problem = numbers_problem
    writes = Writes(settings.artifacts, holder) if settings.writes else None
    reloader = Reloader(
        settings.artifacts,
        holder,
        replace(load_options(settings), observer=metrics),
        poll_s=settings.poll_s,
        load_s=settings.load_s,
        memory=memory,
        beside={} if writes is None else {"changes": writes.look},
    )
    app = Flask("service", static_folder=None)
    app.extensions["reloader"] = reloader
    app.extensions["metrics"] = metrics
    app.url_map.merge_slashes = False
    people = People(Pseudonyms(settings.user_key))
    app.register_blueprint(api_blueprint(holder, Budget(settings.max_cost), people, writes=writes))
    app.register_blueprint(
        pages_blueprint(holder, shows_results=not settings.api_key, writes=settings.writes)
    )
    if writes is not None:
        routes = write_blueprint(
            writes, metrics, most_bytes=settings.max_write_bytes, deadline_s=settings.deadline_s
        )
        app.register_blueprint(routes)
        app.extensions["writes"] = writes
    app.add_url_rule(METRICS_PATH, "metrics", partial(_exposition, metrics, writes))
    register_problems(app)
    app.before_request(_note_route)
    app.after_request(compressed)
    app.wsgi_app = _layers(app.wsgi_app, settings, metrics)  # type: ignore[assignment,method-assign]
    reloader.start()
    return app


def _exposition(metrics: Metrics, writes: Writes | None) -> Response:
    n_pending = None if writes is None else writes.pending
    return Response(metrics.exposition(n_pending=n_pending), content_type=CONTENT_TYPE)


def load_options(settings: Settings) -> LoadOptions:
    """The part of the settings that says how a snapshot runs."""
    return LoadOptions(
        precision=settings.precision,
        encoder_threads=settings.threads_per_encoder,
        max_batch=settings.max_batch,
        max_waiting=settings.max_waiting,
        query_cache=settings.query_cache,
        filter_exact_up_to=settings.filter_exact_up_to,
        fixed_lengths=QUERY_LENGTHS,
        trusted_keys=read_trusted_keys(settings.trusted_keys),
    )


def _layers(app: WSGIApplication, settings: Settings, metrics: Metrics) -> WSGIApplication:
    """What lies around Flask, from the inside out."""
    credentials = Credentials(
        api_key=settings.api_key,
        metrics_token=settings.metrics_token,
        write_key=settings.write_key if settings.writes else "",
    )
    admission = Admission(
        app,
        places=Places(settings.admitted),
        credentials=credentials,
        write_places=Places(settings.write_places, few=settings.write_places)
        if settings.writes
        else None,
        rejected=metrics.observe_rejection,
    )
    headers = ResponseHeaders(
        admission,
        origins=settings.cors_origins,
        image_origins=settings.image_origins,
        private_below=API_PREFIX if settings.api_key else None,
    )
    finish = partial(_finish, metrics, queries=settings.log_queries)
    return Exchanges(headers, finish=finish, deadline_s=settings.deadline_s)


def _finish(
    metrics: Metrics, environ: WSGIEnvironment, exchange: Exchange, *, queries: bool
) -> None:
    """Count and log an exchange, by the rule that matched: a path would make a metric of a typo."""
    exchange.route = environ.get(_ROUTE, exchange.route)
    metrics.observe_exchange(exchange)
    log_exchange(environ, exchange, queries=queries)


def _note_route() -> None:
    if request.url_rule is not None:
        request.environ[_ROUTE] = request.url_rule.rule


def register_problems(app: Flask) -> None:
    """Answer every error of this app in the problem-details shape."""
    app.register_error_handler(QueryError, _query_problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _unexpected_problem)


def _query_problem(error: QueryError) -> Response:
    if isinstance(error, InvalidParameter) and request.method in {"GET", "HEAD"}:
        error = spelled(error)
    status, body = problem_of(error)
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(body, status=status, mimetype=MEDIA_TYPE, headers=headers)


def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    if wants_page():
        detail = error.description or error.name
        return Response(
            problem_page(HTTPStatus(status).phrase, detail), status=status, mimetype="text/html"
        )
    body = problem_body(status, kind_of(status), error.description or error.name)
    response = Response(body, status=status, mimetype=MEDIA_TYPE)
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value
    return response


def _unexpected_problem(error: Exception) -> Response:
    """A defect of ours: the log has the exception, the client only an id to quote."""
    request_id = exchange_of(request.environ).request_id
    return Response(defect_body(request_id, error), status=500, mimetype=MEDIA_TYPE)
