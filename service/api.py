"""The JSON endpoints."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from service.bodies import json_body
from service.budget import Budget
from service.experiments import Experiments, entry_of
from service.live import SnapshotHolder
from service.openapi import LISTS, document
from service.paths import item_id_of, segments_behind, user_of
from service.people import People
from service.recorder import Recorder
from service.requests import read_parameters, refuse_parameters
from service.responses import encode_answer, encode_batch
from service.writes import Writes
from service.wsgi.exchange import Exchange, exchange_of
from shortlist.engine import query as queries
from shortlist.engine.answer import Answer
from shortlist.engine.batch import ask_many
from shortlist.engine.clock import Stage
from shortlist.engine.cursor import decode_cursor
from shortlist.engine.lanes.segments import problem_of
from shortlist.engine.overview import overview
from shortlist.engine.query import Asked, SearchQuery
from shortlist.engine.query_reading import read_query
from shortlist.engine.search import ask, item
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.suggest import suggest
from shortlist.errors import InvalidParameter, NotReady, QueryError

_ITEMS, _USERS = "/v1/items/", "/v1/users/"


def api_blueprint(
    holder: SnapshotHolder,
    budget: Budget,
    people: People,
    *,
    writes: Writes | None = None,
    recorder: Recorder | None = None,
    experiments: Experiments | None = None,
) -> Blueprint:
    """What asks below /v1, the document, liveness and readiness over the holder's snapshot."""
    api = Blueprint("api", __name__)

    for path, method, model in LISTS:
        api.add_url_rule(
            path,
            f"{method} {path[4:]}",
            partial(_list, holder, budget, people, experiments, model),
            methods=[method],
        )

    @api.post("/v1/search/batch")
    def batch() -> Response:
        return _batch(holder.get(), budget, people, read_query(queries.BatchQuery, _body()))

    @api.get("/v1/suggest")
    def complete() -> Response:
        query = read_parameters(queries.SuggestQuery, request.query_string)
        return _json(encode_answer(suggest(holder.get(), query)))

    @api.get("/v1/catalog")
    def catalog() -> Response:
        refuse_parameters(request.query_string)
        return _json(encode_answer(overview(holder.get())))

    @api.get(f"{_ITEMS}<path:item_id>")
    def one(item_id: str) -> Response:  # noqa: ARG001  # decoded: see segments_behind
        return _item(holder, segments_behind(_ITEMS))

    @api.get(f"{_USERS}<path:user>/recommend")
    def recommend(user: str) -> Response:  # noqa: ARG001  # decoded: see segments_behind
        given = user_of(segments_behind(_USERS))
        query = read_parameters(queries.UserQuery, request.query_string, user=given)
        return _answered(holder, budget, people, None, query)

    @api.get(f"{_ITEMS}<path:item_id>/similar")
    def similar(item_id: str) -> Response:  # noqa: ARG001  # decoded: see segments_behind
        segments = segments_behind(_ITEMS)
        if len(segments) == 1:  # an id that ends in "/similar", its slash encoded
            return _item(holder, segments)
        given = item_id_of(segments[:-1])
        query = read_parameters(queries.SimilarQuery, request.query_string, item_id=given)
        return _answered(holder, budget, people, None, query)

    has = {"writes": writes is not None, "events": recorder is not None}
    api.add_url_rule("/openapi.json", "openapi", lambda: _json_of(document(**has)))
    api.add_url_rule("/healthz", "healthz", lambda: _json_of({"status": "ok"}))
    told = partial(_readiness, holder, writes, recorder, experiments)
    api.add_url_rule("/readyz", "readyz", lambda: _json_of(told()))
    return api


def _list(
    holder: SnapshotHolder,
    budget: Budget,
    people: People,
    experiments: Experiments | None,
    model: type[Any],
) -> Response:
    """A list of results: its query in the address of a GET, in the body of a POST."""
    if request.method == "POST":
        query = read_query(model, _body())
    else:
        query = read_parameters(model, request.query_string)
    return _answered(holder, budget, people, experiments, query)


def _answered(
    holder: SnapshotHolder,
    budget: Budget,
    people: People,
    experiments: Experiments | None,
    query: Asked,
) -> Response:
    """The answer; to a cursor of another version from that version, if it is due."""
    exchange, cursor = exchange_of(request.environ), query.cursor
    snapshot = holder.get() if cursor is None else holder.at(decode_cursor(cursor).version)
    with budget.spent_on([query]):
        entry = exchange.entry = entry_of(request.environ, query, snapshot, experiments)
        answer = ask(
            snapshot,
            query,
            clock=exchange.clock,
            experiment=None if entry is None else entry.experiment,
            visitor=None if entry is None else entry.visitor,
            person=people.asking(snapshot.bundle, query),
        )
        note_answer(exchange, answer)
        exchange.answered.append((query, answer))
        exchange.clock.enter(Stage.SERIALISE)
        return _json(encode_answer(answer))


def note_answer(exchange: Exchange, answer: Answer) -> None:
    """Write down what was answered, for the log and the numbers."""
    exchange.version = answer.index_version
    exchange.n_results = len(answer.results)
    exchange.no_good_match = bool(answer.no_good_match)


def _batch(
    snapshot: Snapshot, budget: Budget, people: People, batch: queries.BatchQuery
) -> Response:
    """Every query that can be read is asked; the others keep their place with their problem."""
    exchange = exchange_of(request.environ)
    read = [_read_entry(values) for values in batch.queries]
    asked = [one for one in read if isinstance(one, SearchQuery)]
    with budget.spent_on(asked):
        persons = [people.asking(snapshot.bundle, one) for one in asked]
        answers = iter(ask_many(snapshot, asked, clock=exchange.clock, persons=persons))
        found = [next(answers) if isinstance(one, SearchQuery) else one for one in read]
        exchange.answered += [
            (one, answer)
            for one, answer in zip(read, found, strict=True)
            if isinstance(one, SearchQuery) and isinstance(answer, Answer)
        ]
        exchange.version = snapshot.version
        exchange.n_results = sum(len(one.results) for one in found if isinstance(one, Answer))
        exchange.clock.enter(Stage.SERIALISE)
        return _json(encode_batch(snapshot.version, found))


def _read_entry(values: dict[str, Any]) -> SearchQuery | QueryError:
    try:
        return read_query(SearchQuery, values)
    except InvalidParameter as error:
        return error


def _item(holder: SnapshotHolder, segments: list[str]) -> Response:
    refuse_parameters(request.query_string)
    found = item(holder.get(), item_id_of(segments))
    response = _json(encode_answer(found))
    response.add_etag()
    response.make_conditional(request)
    return response


def _body() -> bytes:
    body = json_body()
    refuse_parameters(request.query_string)
    return body


def _readiness(
    holder: SnapshotHolder,
    writes: Writes | None,
    recorder: Recorder | None,
    experiments: Experiments | None,
) -> dict[str, Any]:
    snapshot = holder.peek()
    if snapshot is None:
        raise NotReady(str(holder.problem))
    problems = (
        holder.problem,
        holder.blocklist_problem,
        holder.stuck(),
        holder.numbers_problem,
        problem_of(snapshot.retriever),
        None if writes is None else writes.problem,
        None if recorder is None else recorder.problem,
    )
    problem = next((one for one in problems if one is not None), None)
    return {
        "status": "ready",
        "version": snapshot.version,
        "catalog": snapshot.bundle.manifest.catalog.name,
        "items": snapshot.bundle.n_items,
        "age_s": round(snapshot.age_s(), 3),
        "precision": snapshot.precision.value,
        "ignored_sections": list(snapshot.bundle.unknown_sections),
        "degraded": problem is not None,
        "refused_version": holder.refused,
        "problem": problem,
        "query_cache": {"hits": snapshot.encoder.hits, "misses": snapshot.encoder.misses},
        "blocked_items": len(snapshot.blocked_rows),
        "swaps": holder.swaps,
        "refusals": holder.refusals,
        "changes": None if writes is None else {"pending": writes.pending},
        "events": None if recorder is None else recorder.told(),
        "experiment": None if experiments is None else experiments.told(snapshot),
    }


def _json_of(value: dict[str, Any]) -> Response:
    return _json(json.dumps(value, allow_nan=False).encode())


def _json(content: bytes) -> Response:
    return Response(content, mimetype="application/json")
