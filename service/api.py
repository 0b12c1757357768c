"""The JSON endpoints."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, request

from service import engine
from service.problems import problem
from service.schemas import encode_answer, encode_suggestions, parse_search, parse_suggest
from service.snapshot import SnapshotHolder


def api_blueprint(holder: SnapshotHolder) -> Blueprint:
    """Search, liveness and readiness over the holder's snapshot."""
    api = Blueprint("api", __name__)

    @api.get("/v1/search")
    def search() -> Response:
        query = parse_search(request.query_string)
        return _json(encode_answer(engine.search(holder.get(), query)))

    @api.get("/v1/suggest")
    def suggest() -> Response:
        query = parse_suggest(request.query_string)
        return _json(encode_suggestions(engine.suggest(holder.get(), query)))

    @api.get("/healthz")
    def healthz() -> Response:
        return _json_of({"status": "ok"})

    @api.get("/readyz")
    def readyz() -> Response:
        return _readiness(holder)

    return api


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
