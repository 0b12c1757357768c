"""The JSON endpoints."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound, UnsupportedMediaType

from service.live import SnapshotHolder
from service.problems import problem
from service.schemas.answers import (
    encode_answer,
    encode_batch,
    encode_catalog,
    encode_item,
    encode_suggestions,
)
from service.schemas.bodies import BatchBody, RecommendBody, SearchBody, parse_body, parse_entry
from service.schemas.parameters import (
    MAX_ID_LENGTH,
    NoParameters,
    PopularParameters,
    SearchParameters,
    SimilarParameters,
    SuggestParameters,
    parse_parameters,
)
from service.wsgi.exchange import Exchange, exchange_of
from shortlist import engine
from shortlist.engine import Options, SearchAnswer, SearchQuery
from shortlist.engine.clock import Stage
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import InvalidParameter, MalformedRequest, QueryError

_ITEMS = "/v1/items/"


def api_blueprint(holder: SnapshotHolder) -> Blueprint:
    """Everything below /v1, the document, liveness and readiness over the holder's snapshot."""
    api = Blueprint("api", __name__)

    @api.get("/v1/search")
    def search() -> Response:
        query = parse_parameters(SearchParameters, request.query_string).to_query()
        return _answered(engine.search(_snapshot(holder, query), query, clock=_exchange().clock))

    @api.post("/v1/search")
    def search_by_body() -> Response:
        query = parse_body(SearchBody, _body()).to_query()
        return _answered(engine.search(_snapshot(holder, query), query, clock=_exchange().clock))

    @api.post("/v1/search/batch")
    def batch() -> Response:
        return _batch(holder.get(), parse_body(BatchBody, _body()))

    @api.get("/v1/suggest")
    def suggest() -> Response:
        query = parse_parameters(SuggestParameters, request.query_string).to_query()
        return _json(encode_suggestions(engine.suggest(holder.get(), query)))

    @api.get("/v1/catalog")
    def catalog() -> Response:
        parse_parameters(NoParameters, request.query_string)
        return _json(encode_catalog(engine.catalog(holder.get())))

    @api.get("/v1/popular")
    def popular() -> Response:
        query = parse_parameters(PopularParameters, request.query_string).to_query()
        return _answered(engine.popular(_snapshot(holder, query), query, clock=_exchange().clock))

    @api.post("/v1/recommend")
    def recommend() -> Response:
        query = parse_body(RecommendBody, _body()).to_query()
        return _answered(engine.recommend(_snapshot(holder, query), query, clock=_exchange().clock))

    @api.get(f"{_ITEMS}<path:item_id>")
    def item(item_id: str) -> Response:  # noqa: ARG001  # decoded: see _segments
        return _item(holder, _segments())

    @api.get(f"{_ITEMS}<path:item_id>/similar")
    def similar(item_id: str) -> Response:  # noqa: ARG001  # decoded: see _segments
        segments = _segments()
        if len(segments) == 1:  # an id that ends in "/similar", its slash encoded
            return _item(holder, segments)
        query = parse_parameters(SimilarParameters, request.query_string).to_query(
            _item_id(segments[:-1])
        )
        return _answered(engine.similar(_snapshot(holder, query), query, clock=_exchange().clock))

    @api.get("/openapi.json")
    def openapi() -> Response:
        from service.openapi import document  # takes time to make, and few ask for it

        return _json_of(document())

    @api.get("/healthz")
    def healthz() -> Response:
        return _json_of({"status": "ok"})

    @api.get("/readyz")
    def readyz() -> Response:
        return _readiness(holder)

    return api


def _snapshot(holder: SnapshotHolder, query: Options) -> Snapshot:
    """The snapshot to answer from: for a cursor of another version, that one if it is due."""
    if query.cursor is None:
        return holder.get()
    return holder.at(engine.decode_cursor(query.cursor).version)


def _exchange() -> Exchange:
    return exchange_of(request.environ)


def _answered(answer: SearchAnswer) -> Response:
    exchange = _exchange()
    exchange.answered(
        version=answer.index_version,
        n_results=len(answer.results),
        no_good_match=bool(answer.no_good_match),
    )
    with exchange.clock.enter(Stage.SERIALISE):
        return _json(encode_answer(answer))


def _batch(snapshot: Snapshot, body: BatchBody) -> Response:
    """Every query that can be read is asked; the others keep their place with their problem."""
    read = [_read_entry(value) for value in body.queries]
    queries = [one for one in read if isinstance(one, SearchQuery)]
    answers = iter(engine.search_many(snapshot, queries, clock=_exchange().clock))
    found = [next(answers) if isinstance(one, SearchQuery) else one for one in read]
    results = sum(len(one.results) for one in found if isinstance(one, SearchAnswer))
    _exchange().answered(version=snapshot.version, n_results=results)
    with _exchange().clock.enter(Stage.SERIALISE):
        return _json(encode_batch(snapshot.version, found))


def _read_entry(value: dict[str, Any]) -> SearchQuery | QueryError:
    try:
        return parse_entry(SearchBody, value).to_query()
    except InvalidParameter as error:
        return error


def _item(holder: SnapshotHolder, segments: list[str]) -> Response:
    parse_parameters(NoParameters, request.query_string)
    found = engine.item(holder.get(), _item_id(segments))
    response = _json(encode_item(found))
    response.add_etag()
    response.make_conditional(request)
    return response


def _segments() -> list[str]:
    """The parts of the path behind /v1/items/, as they were sent: %2F parts nothing."""
    raw: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
    path = raw.partition("?")[0]
    return path[path.index(_ITEMS) + len(_ITEMS) :].split("/")


def _item_id(segments: list[str]) -> str:
    if len(segments) != 1 or not segments[0]:
        raise NotFound("no such path; a / in an item's id is written %2F")
    try:
        item_id = unquote(segments[0], errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"the path is not UTF-8 percent-encoding: {error}") from error
    if len(item_id) > MAX_ID_LENGTH:
        raise InvalidParameter("item_id", f"expected at most {MAX_ID_LENGTH} characters")
    return item_id


def _body() -> bytes:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("expected Content-Type: application/json")
    parse_parameters(NoParameters, request.query_string)
    return request.get_data(cache=False)


def _readiness(holder: SnapshotHolder) -> Response:
    snapshot = holder.peek()
    if snapshot is None:
        return problem(503, "not_ready", str(holder.problem), headers={"Retry-After": "1"})
    manifest = snapshot.bundle.manifest
    return _json_of(
        {
            "status": "ready",
            "version": snapshot.version,
            "catalog": manifest.catalog.name,
            "items": snapshot.bundle.n_items,
            "age_s": round(snapshot.age_s(), 3),
            "precision": snapshot.precision.value,
            "ignored_sections": list(snapshot.bundle.unknown_sections),
            "degraded": (holder.problem or holder.blocklist_problem) is not None,
            "refused_version": holder.refused,
            "problem": holder.problem or holder.blocklist_problem,
            "query_cache": {"hits": snapshot.encoder.hits, "misses": snapshot.encoder.misses},
            "blocked_items": len(snapshot.blocked_rows),
            "swaps": holder.swaps,
            "refusals": holder.refusals,
        }
    )


def _json_of(value: dict[str, Any]) -> Response:
    return _json(json.dumps(value, allow_nan=False).encode())


def _json(content: bytes) -> Response:
    return Response(content, mimetype="application/json")
