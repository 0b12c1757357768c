"""The one JSON error shape (RFC 9457) as bytes and as a plain WSGI answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse

MEDIA_TYPE = "application/problem+json"


def problem_body(
    status: int,
    kind: str,
    detail: str,
    *,
    errors: Mapping[str, str] | None = None,
    **more: Any,
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


class PlainProblem:
    """A problem made once and answered without Flask, again and again."""

    def __init__(self, status: int, kind: str, detail: str, **headers: str) -> None:
        self.status = status
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
