"""Exceptions to the one JSON error shape (RFC 9457, application/problem+json)."""

from __future__ import annotations

import json
import logging
import secrets
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from indexing.errors import (
    FeatureUnavailable,
    InvalidParameter,
    MalformedRequest,
    NotReady,
    Overloaded,
    QueryError,
)

log = logging.getLogger(__name__)

_STATUS: dict[type[QueryError], tuple[int, str]] = {
    InvalidParameter: (422, "invalid_parameter"),
    MalformedRequest: (400, "malformed_request"),
    FeatureUnavailable: (409, "feature_unavailable"),
    NotReady: (503, "not_ready"),
    Overloaded: (503, "overloaded"),
}


def register_problems(app: Flask) -> None:
    """Answer every error of this app in the problem-details shape."""
    app.register_error_handler(QueryError, _query_problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _unexpected_problem)


def problem(
    status: int,
    kind: str,
    detail: str,
    *,
    errors: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """One error answer; `errors` maps a field to what is wrong with it."""
    body = {
        "type": f"urn:shortlist:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": [{"field": name, "message": text} for name, text in (errors or {}).items()],
        **more,
    }
    return Response(
        json.dumps(body, ensure_ascii=True, allow_nan=False),
        status=status,
        mimetype="application/problem+json",
        headers=headers,
    )


def status_of(error: QueryError) -> int:
    """The HTTP status that says what kind of error this is."""
    return _STATUS[type(error)][0]


def _query_problem(error: QueryError) -> Response:
    status, kind = _STATUS[type(error)]
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    errors = error.fields if isinstance(error, InvalidParameter) else None
    return problem(status, kind, str(error), errors=errors, headers=headers)


def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    kind = error.name.lower().replace(" ", "_")
    response = problem(status, kind, error.description or error.name)
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value
    return response


def _unexpected_problem(error: Exception) -> Response:
    """A defect of ours: the log has the exception, the client only an id to quote."""
    request_id = secrets.token_hex(8)
    log.error("request %s failed", request_id, exc_info=error)
    detail = f"an unexpected error; quote request {request_id}"
    return problem(500, "internal_error", detail, request_id=request_id)
