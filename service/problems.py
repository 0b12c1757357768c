"""The one JSON error shape (RFC 9457), and the status of every error."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse

from shortlist import errors as kinds
from shortlist.errors import (
    ChangeRefused,
    CursorExpired,
    InvalidParameter,
    QueryError,
    RetrievalUnavailable,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

REFUSED = "shortlist.refused"
"""Key of the WSGI environment: the PlainProblem with what is no request at all."""

_STATUS: dict[type[QueryError], tuple[int, str]] = {
    InvalidParameter: (422, "invalid_parameter"),
    kinds.ChangeRefused: (422, "change_refused"),
    kinds.MalformedRequest: (400, "malformed_request"),
    kinds.ItemUnknown: (404, "item_unknown"),
    kinds.ChangeUnknown: (404, "change_unknown"),
    CursorExpired: (410, "cursor_expired"),
    kinds.FeatureUnavailable: (409, "feature_unavailable"),
    kinds.NotReady: (503, "not_ready"),
    RetrievalUnavailable: (503, "retrieval_unavailable"),
    kinds.Overloaded: (503, "overloaded"),
    kinds.ChangesUnavailable: (503, "changes_unavailable"),
    kinds.EventsUnavailable: (503, "events_unavailable"),
    kinds.DeadlineExceeded: (503, "deadline_exceeded"),
}


_KIND = {413: "content_too_large", 422: "unprocessable_content"}
"""Statuses whose phrase is another one in another version of Python."""


def kind_of(status: int) -> str:
    """What kind of problem a status of HTTP is."""
    return _KIND.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_"))


def problem_body(
    status: int, kind: str, detail: str, *, errors: Mapping[str, str] | None = None, **more: Any
) -> bytes:
    """One problem as JSON in ASCII; `errors` maps a field to what is wrong with it."""
    body = {
        "type": f"urn:shortlist:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": [{"field": name, "message": text} for name, text in (errors or {}).items()],
        **more,
    }
    return json.dumps(body, ensure_ascii=True, allow_nan=False).encode()


def problem_of(error: QueryError) -> tuple[int, bytes]:
    """The HTTP status and the body of a query's error."""
    status, kind = _STATUS[type(error)]
    errors = error.fields if isinstance(error, InvalidParameter | ChangeRefused) else None
    return status, problem_body(status, kind, _detail(error), errors=errors, **_more(error))


def retry_after_s(error: QueryError) -> int:
    """After how many whole seconds a client may ask again that was told 503."""
    return math.ceil(error.retry_after_s) if isinstance(error, RetrievalUnavailable) else 1


def _detail(error: QueryError) -> str:
    """What a client is told: where an engine is, and what it says, is not for everybody."""
    if not isinstance(error, RetrievalUnavailable):
        return str(error)
    seconds = retry_after_s(error)
    return f"the engine that finds items by meaning does not answer; ask again in {seconds} s"


def _more(error: QueryError) -> dict[str, Any]:
    if isinstance(error, CursorExpired):
        return {"wanted": error.wanted, "live": error.live}
    return {"sequence": error.sequence} if isinstance(error, ChangeRefused) else {}


def defect_body(request_id: str, error: BaseException) -> bytes:
    """The problem a client gets for a defect of ours; the log gets the exception."""
    log.error("request %s failed", request_id, exc_info=error)
    detail = f"an unexpected error; quote request {request_id}"
    return problem_body(500, "internal_error", detail, request_id=request_id)


class PlainProblem:
    """A problem made once and answered without Flask, again and again."""

    def __init__(self, status: int, kind: str, detail: str, **headers: str) -> None:
        self.kind = kind
        self._line = f"{status} {HTTPStatus(status).phrase}"
        self._body = problem_body(status, kind, detail)
        self._headers = [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(self._body))),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]

    def answer(self, environ: Mapping[str, Any], start_response: StartResponse) -> list[bytes]:
        """Begin the answer; returns its body, none for HEAD."""
        start_response(self._line, list(self._headers))
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [self._body]
