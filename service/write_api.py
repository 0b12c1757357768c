"""The endpoints that change items: they only validate, write down, and tell what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from flask import Blueprint, Response, request

from service.bodies import json_body
from service.budget import Budget
from service.metrics import Metrics
from service.paths import item_id_of, segments_behind
from service.requests import read_parameters, refuse_parameters
from service.responses import encode_answer
from service.write_requests import WriteQuery, paced, read_items, read_patch
from service.writes import ChangeState, Status, Writes
from service.wsgi.exchange import exchange_of
from service.wsgi.writers import CHANGES_PATH, ITEMS_PATH, is_write
from shortlist.bundle.changes import Change, Op, upsert
from shortlist.bundle.intake import Intake
from shortlist.bundle.tables import ItemId
from shortlist.errors import ChangeRefused, ChangeUnknown, ItemUnknown

LIGHT_BYTES = 64 << 10
"""A body of no more needs no budget."""

_MOST_WAIT_S = 30.0
_SEQUENCE = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def write_blueprint(
    writes: Writes, metrics: Metrics, *, most_bytes: int, deadline_s: float
) -> Blueprint:
    """The endpoints; large bodies that are read at a time have `most_bytes` in sum."""
    routes = Blueprint("writes", __name__)
    budget = Budget(most_bytes)

    def noted(changes: Iterable[Change]) -> int:
        exchange_of(request.environ).sequence = sequence = writes.append(changes)
        return sequence

    def noted_from_body(read: Callable[[bytes, Intake], Iterable[Change]]) -> int:
        body = json_body()
        with budget.held(len(body) if len(body) > LIGHT_BYTES else 0):
            return noted(read(body, writes.intake()))

    def acknowledged(sequence: int, query: WriteQuery) -> Response:
        limit_s = min(deadline_s or _MOST_WAIT_S, _MOST_WAIT_S)
        left_s = limit_s - exchange_of(request.environ).clock.elapsed_s()
        if query.wait is None or left_s <= 0:
            return _told(ChangeState(sequence, Status.PENDING))
        return _told(writes.await_end(sequence, within_s=left_s))

    @routes.post(ITEMS_PATH)
    def put_in() -> Response:
        query = _query()
        return acknowledged(noted_from_body(_upserts), query)

    @routes.patch(f"{ITEMS_PATH}/<path:item_id>")
    def patch(item_id: str) -> Response:  # noqa: ARG001  # decoded: see segments_behind
        query = _query()
        return acknowledged(noted_from_body(_patch), query)

    @routes.delete(f"{ITEMS_PATH}/<path:item_id>")
    def delete(item_id: str) -> Response:  # noqa: ARG001  # decoded: see segments_behind
        query = _query()
        return acknowledged(noted([Change(Op.DELETE, _item_id(writes.intake()), {})]), query)

    @routes.get(f"{CHANGES_PATH}/<sequence>")
    def change(sequence: str) -> Response:
        refuse_parameters(request.query_string)
        if not _SEQUENCE.fullmatch(sequence):
            raise ChangeUnknown(f"no change has the sequence number {sequence[:80]!r}")
        return _json(200, writes.state(int(sequence)))

    @routes.after_request
    def finish(response: Response) -> Response:
        # what becomes of a change is another thing a moment later
        response.headers["Cache-Control"] = "no-store"
        if is_write(request.method, request.path):
            metrics.observe_write(_outcome(response.status_code))
        return response

    return routes


def _query() -> WriteQuery:
    return read_parameters(WriteQuery, request.query_string)


def _upserts(body: bytes, intake: Intake) -> Iterator[Change]:
    return paced(upsert(intake, item) for item in read_items(body, intake))


def _patch(body: bytes, intake: Intake) -> list[Change]:
    return [Change(Op.PATCH, _item_id(intake), read_patch(body, intake))]


def _item_id(intake: Intake) -> ItemId:
    """The id in the path. Raises ItemUnknown for one that no item of the catalogue can have."""
    given = item_id_of(segments_behind(f"{ITEMS_PATH}/"))
    problem = intake.id_problem(given)
    if problem is not None:
        raise ItemUnknown(f"no item can have the id {given[:80]!r}: {problem}")
    return intake.id_of(given)


def _told(state: ChangeState) -> Response:
    """The answer to who sent a change. Raises ChangeRefused."""
    if state.status is Status.REFUSED:
        problems = {one.field: one.message for one in state.problems}
        raise ChangeRefused(state.sequence, problems)
    response = _json(202 if state.status is Status.PENDING else 200, state)
    response.headers["Location"] = f"{CHANGES_PATH}/{state.sequence}"
    return response


def _json(status: int, state: ChangeState) -> Response:
    return Response(encode_answer(state), status=status, mimetype="application/json")


def _outcome(status: int) -> str:
    """What is counted: a change that was taken and then refused was taken."""
    if exchange_of(request.environ).sequence is not None:
        return "accepted"
    return "failed" if status >= 500 else "refused"
