"""create_app: the service's parts, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from wsgiref.types import WSGIApplication, WSGIEnvironment

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service.answered import remember
from service.api import api_blueprint
from service.budget import Budget
from service.config import Settings
from service.event_api import event_blueprint
from service.experiments import Experiments
from service.insights.page import insights_blueprint
from service.live import SnapshotHolder
from service.logs import log_exchange
from service.metrics import CONTENT_TYPE, Metrics
from service.pages import pages_blueprint, problem_page, wants_page
from service.people import People
from service.problems import (
    MEDIA_TYPE,
    defect_body,
    kind_of,
    problem_body,
    problem_of,
    retry_after_s,
)
from service.recorder import Recorder, recorder_of
from service.reloader import Reloader
from service.requests import spelled
from service.retention import Retention
from service.write_api import write_blueprint
from service.writes import Writes
from service.wsgi.admission import API_PREFIX, METRICS_PATH, Admission, Credentials, Places
from service.wsgi.compression import compressed
from service.wsgi.exchange import Exchange, Exchanges, exchange_of
from service.wsgi.headers import ResponseHeaders
from shortlist.bundle.signing import read_trusted_keys
from shortlist.bundle.stores import open_store
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
    The reloader is `app.extensions["reloader"]`, started; `stop()` ends it. Where events are kept
    there is a "recorder" too.
    """
    metrics = Metrics(metrics_folder)
    store = open_store(settings.artifacts, cache=Path(settings.cache) if settings.cache else None)
    holder = SnapshotHolder(metrics, current=store.seen_text)
    holder.numbers_problem = numbers_problem
    writes = Writes(store.root, holder) if settings.writes else None
    pseudonyms = Pseudonyms(settings.user_key)
    recorder = recorder_of(settings, pseudonyms, metrics) if settings.events else None
    watches = recorder is not None and settings.experiment
    experiments = Experiments(holder, recorder.store) if recorder and watches else None
    reloader = Reloader(
        store,
        holder,
        replace(load_options(settings), observer=metrics),
        poll_s=settings.poll_s,
        load_s=settings.load_s,
        memory=memory,
        beside=_beside(settings, writes, recorder, experiments),
    )
    app = Flask("service", static_folder=None)
    app.extensions["reloader"] = reloader
    app.extensions["metrics"] = metrics
    app.url_map.merge_slashes = False
    people = People(pseudonyms, None if recorder is None else recorder.store)
    app.extensions["people"] = people
    budget = Budget(settings.max_cost)
    routes = api_blueprint(
        holder, budget, people, writes=writes, recorder=recorder, experiments=experiments
    )
    app.register_blueprint(routes)
    app.register_blueprint(
        pages_blueprint(
            holder,
            people,
            shows_results=not settings.api_key,
            writes=settings.writes,
            events=recorder is not None,
        )
    )
    if writes is not None:
        routes = write_blueprint(
            writes, metrics, most_bytes=settings.max_write_bytes, deadline_s=settings.deadline_s
        )
        app.register_blueprint(routes)
        app.extensions["writes"] = writes
    if recorder is not None:
        _keep_events(app, settings, recorder, holder, metrics, people)
    app.add_url_rule(METRICS_PATH, "metrics", partial(_exposition, metrics, writes))
    register_problems(app)
    app.before_request(_note_route)
    app.after_request(compressed)
    layers = _layers(app.wsgi_app, settings, metrics, recorder)
    app.wsgi_app = layers  # type: ignore[assignment,method-assign]  # as WSGI has it
    reloader.start()
    return app


def _keep_events(
    app: Flask,
    settings: Settings,
    recorder: Recorder,
    holder: SnapshotHolder,
    metrics: Metrics,
    people: People,
) -> None:
    """Take events, and show what is counted of them."""
    routes = event_blueprint(
        recorder,
        holder,
        metrics,
        people=people,
        deadline_s=settings.deadline_s,
    )
    app.register_blueprint(routes)
    if settings.api_key:  # what people typed is not for everybody
        app.register_blueprint(insights_blueprint(recorder))
    app.extensions["recorder"] = recorder
    recorder.start()


def _beside(
    settings: Settings,
    writes: Writes | None,
    recorder: Recorder | None,
    experiments: Experiments | None,
) -> dict[str, Callable[[], None]]:
    """What is looked at again and again beside the live version, by name."""
    found: dict[str, Callable[[], None]] = {}
    if writes is not None:
        found["changes"] = writes.look
    if recorder is not None and settings.events_days:
        found["retention"] = Retention(recorder, settings.events_days).look
    if experiments is not None:
        found["experiment"] = experiments.look
    return found


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


def _layers(
    app: WSGIApplication, settings: Settings, metrics: Metrics, recorder: Recorder | None
) -> WSGIApplication:
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
        event_places=Places(settings.event_places, few=settings.event_places)
        if settings.events
        else None,
        rejected=metrics.observe_rejection,
    )
    headers = ResponseHeaders(
        admission,
        origins=settings.cors_origins,
        image_origins=settings.image_origins,
        private_below=API_PREFIX if settings.api_key else None,
    )
    note = (
        None
        if recorder is None
        else partial(
            remember,
            recorder,
            pseudonyms=Pseudonyms(settings.user_key),
            texts=settings.log_queries,
        )
    )
    finish = partial(_finish, metrics, queries=settings.log_queries, remember=note)
    return Exchanges(headers, finish=finish, deadline_s=settings.deadline_s)


def _finish(
    metrics: Metrics,
    environ: WSGIEnvironment,
    exchange: Exchange,
    *,
    queries: bool,
    remember: Callable[[WSGIEnvironment, Exchange], None] | None,
) -> None:
    """Count and log an exchange, by the rule that matched: a path would make a metric of a typo.

    Where events are kept its answers are remembered, so that events can refer to them.
    """
    exchange.route = environ.get(_ROUTE, exchange.route)
    metrics.observe_exchange(exchange)
    log_exchange(environ, exchange, queries=queries)
    if remember is not None:
        remember(environ, exchange)


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
    is_away = status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": str(retry_after_s(error))} if is_away else None
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
