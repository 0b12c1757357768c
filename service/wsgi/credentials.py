"""Who may ask: an API key for everything under /v1, a token of its own for /metrics."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

API_PREFIX = "/v1"
METRICS_PATH = "/metrics"

_BEARER = "bearer "


class Credentials:
    """The secrets of this service; an empty one asks for nothing.

    The API key comes as `X-API-Key` or as a bearer token, the metrics token as a bearer token.
    """

    def __init__(self, *, api_key: str = "", metrics_token: str = "") -> None:
        self._api_key = api_key.encode()
        self._metrics_token = metrics_token.encode()

    def allow(self, path: str, environ: Mapping[str, Any]) -> bool:
        """Whether a WSGI request for this path shows the secret that the path asks for."""
        if self._api_key and _is_below(path, API_PREFIX):
            shown = environ.get("HTTP_X_API_KEY") or _bearer(environ)
            return _same(shown, self._api_key)
        if self._metrics_token and _is_below(path, METRICS_PATH):
            return _same(_bearer(environ), self._metrics_token)
        return True


def _is_below(path: str, prefix: str) -> bool:
    """Slashes in front count as one, as they do in routing."""
    whole = f"/{path.lstrip('/')}"
    return whole == prefix or whole.startswith(f"{prefix}/")


def _bearer(environ: Mapping[str, Any]) -> str:
    header: str = environ.get("HTTP_AUTHORIZATION", "")
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else ""


def _same(shown: str, secret: bytes) -> bool:
    """Compared in a time that tells nothing; WSGI gives header bytes as latin-1 text."""
    return hmac.compare_digest(shown.encode("latin-1", "replace"), secret)
