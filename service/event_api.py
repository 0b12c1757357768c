"""The endpoint that takes events: it answers when they are on the disk."""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.bodies import json_body
from service.event_requests import EventsTaken
from service.event_writing import Sent
from service.live import SnapshotHolder
from service.metrics import Metrics
from service.people import People
from service.recorder import Recorder
from service.requests import refuse_parameters
from service.responses import encode_answer
from service.wsgi.exchange import exchange_of
from service.wsgi.writers import EVENTS_PATH
from shortlist.errors import DeadlineExceeded

_MOST_WAIT_S = 30.0


def event_blueprint(
    recorder: Recorder,
    holder: SnapshotHolder,
    metrics: Metrics,
    *,
    people: People,
    deadline_s: float,
) -> Blueprint:
    """The endpoint."""
    routes = Blueprint("events", __name__)
    limit_s = min(deadline_s or _MOST_WAIT_S, _MOST_WAIT_S)

    @routes.post(EVENTS_PATH)
    def take() -> Response:
        refuse_parameters(request.query_string)
        sent = Sent(json_body(), holder.get().bundle.ids.are_integers)
        left_s = limit_s - exchange_of(request.environ).clock.elapsed_s()
        if left_s <= 0:
            raise DeadlineExceeded("the time for this request is up before its events are stored")
        taken = recorder.take(sent, within_s=left_s)
        people.look_again(taken.user_keys)
        answer = EventsTaken(taken.accepted, taken.repeated)
        return Response(encode_answer(answer), status=202, mimetype="application/json")

    @routes.after_request
    def finish(response: Response) -> Response:
        if 400 <= response.status_code < 500:
            metrics.observe_events("refused", 1)
        return response

    return routes
