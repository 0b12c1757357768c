"""The endpoint that takes events: it validates, and answers when they are on the disk."""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.bodies import json_body
from service.budget import Budget
from service.event_requests import EventsTaken, read_events
from service.live import SnapshotHolder
from service.metrics import Metrics
from service.recorder import Recorder
from service.requests import refuse_parameters
from service.responses import encode_answer
from service.write_api import LIGHT_BYTES
from service.wsgi.exchange import exchange_of
from service.wsgi.writers import EVENTS_PATH
from shortlist.errors import DeadlineExceeded
from shortlist.events.person import Pseudonyms

_MOST_WAIT_S = 30.0


def event_blueprint(
    recorder: Recorder,
    holder: SnapshotHolder,
    metrics: Metrics,
    *,
    pseudonyms: Pseudonyms,
    most_bytes: int,
    deadline_s: float,
) -> Blueprint:
    """The endpoint; large bodies that are read at a time have `most_bytes` in sum."""
    routes = Blueprint("events", __name__)
    budget = Budget(most_bytes)
    limit_s = min(deadline_s or _MOST_WAIT_S, _MOST_WAIT_S)

    @routes.post(EVENTS_PATH)
    def take() -> Response:
        refuse_parameters(request.query_string)
        body = json_body()
        integers = holder.get().bundle.ids.are_integers
        with budget.held(len(body) if len(body) > LIGHT_BYTES else 0):
            events = read_events(body, integers=integers, pseudonyms=pseudonyms)
        left_s = limit_s - exchange_of(request.environ).clock.elapsed_s()
        if left_s <= 0:
            raise DeadlineExceeded("the time for this request is up before its events are stored")
        taken = EventsTaken(*recorder.take(events, within_s=left_s))
        return Response(encode_answer(taken), status=202, mimetype="application/json")

    @routes.after_request
    def finish(response: Response) -> Response:
        if 400 <= response.status_code < 500:
            metrics.observe_events("refused", 1)
        return response

    return routes
