"""Exceptions to the one JSON error shape (RFC 9457, application/problem+json)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service.problem_details import MEDIA_TYPE, problem_body
from service.wsgi.exchange import defect_body, exchange_of
from shortlist.errors import (
    ContentTooLarge,
    CursorExpired,
    DeadlineExceeded,
    FeatureUnavailable,
    InvalidParameter,
    ItemUnknown,
    MalformedRequest,
    NotReady,
    Overloaded,
    QueryError,
)

_STATUS: dict[type[QueryError], tuple[int, str]] = {
    InvalidParameter: (422, "invalid_parameter"),
    ContentTooLarge: (413, "content_too_large"),
    MalformedRequest: (400, "malformed_request"),
    ItemUnknown: (404, "item_unknown"),
    CursorExpired: (410, "cursor_expired"),
    FeatureUnavailable: (409, "feature_unavailable"),
    NotReady: (503, "not_ready"),
    Overloaded: (503, "overloaded"),
    DeadlineExceeded: (503, "deadline_exceeded"),
}


_KIND = {413: "content_too_large", 422: "unprocessable_content"}
"""Statuses whose phrase is another one in another version of Python."""


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
    body = problem_body(status, kind, detail, errors=errors, **more)
    return Response(body, status=status, mimetype=MEDIA_TYPE, headers=headers)


def status_of(error: QueryError) -> int:
    """The HTTP status that says what kind of error this is."""
    return _STATUS[type(error)][0]


def kind_of(error: QueryError) -> str:
    """The last part of the problem's type."""
    return _STATUS[type(error)][1]


def _query_problem(error: QueryError) -> Response:
    status, kind = _STATUS[type(error)]
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    errors = error.fields if isinstance(error, InvalidParameter) else None
    if isinstance(error, CursorExpired):
        return problem(status, kind, str(error), wanted=error.wanted, live=error.live)
    return problem(status, kind, str(error), errors=errors, headers=headers)


def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    kind = _KIND.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_"))
    response = problem(status, kind, error.description or error.name)
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value
    return response


def _unexpected_problem(error: Exception) -> Response:
    """A defect of ours: the log has the exception, the client only an id to quote."""
    request_id = exchange_of(request.environ).request_id
    return Response(defect_body(request_id, error), status=500, mimetype=MEDIA_TYPE)
