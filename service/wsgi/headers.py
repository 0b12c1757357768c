"""Headers that every answer carries: for browsers' security, and CORS where it is on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SECURITY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
)
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
    (
        "Access-Control-Allow-Headers",
        "Authorization, Content-Type, X-API-Key, X-Request-ID, X-Session-ID",
    ),
    ("Access-Control-Max-Age", "600"),
)
_ALLOWED = "Access-Control-Allow-Origin"
_EXPOSED = ("Access-Control-Expose-Headers", "Retry-After, X-Request-ID")


def is_below(path: str, prefix: str) -> bool:
    """Whether a path is the prefix or below it; slashes in front count as one, as in routing."""
    whole = f"/{path.lstrip('/')}"
    return whole == prefix or whole.startswith(f"{prefix}/")


class ResponseHeaders:
    """Adds the security headers, and lets scripts of exactly these origins read answers.

    What needs the API key is kept by no cache that several people share: `private_below` is the
    path below which it is asked for. Without origins there is no CORS header at all. A preflight
    request of an allowed origin is answered here, before any credentials are asked for: browsers
    send none with it. Pages may show pictures of `image_origins` beside those of this service.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        origins: Iterable[str] = (),
        image_origins: Iterable[str] = (),
        private_below: str | None = None,
    ) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._private_below = private_below
        images = " ".join(("data:", *image_origins))
        self._policy = CONTENT_SECURITY_POLICY.replace("data:", images)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request with these headers added."""
        cross = self._cross_origin(environ)
        below = self._private_below
        if below is not None and is_below(environ.get("PATH_INFO", ""), below):
            cross = [*cross, ("Cache-Control", "private, no-cache")]

        def begin(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            headers.extend(SECURITY)
            headers.extend(cross)
            kinds = [value for name, value in headers if name.lower() == "content-type"]
            if any(kind.startswith("text/html") for kind in kinds):
                headers.append(("Content-Security-Policy", self._policy))
            return start_response(status, headers, *exc_info)

        asks_first = "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        if _ALLOWED in dict(cross) and asks_first and environ["REQUEST_METHOD"] == "OPTIONS":
            begin("204 No Content", list(_PREFLIGHT))
            return []
        return self._app(environ, begin)

    def _cross_origin(self, environ: WSGIEnvironment) -> list[tuple[str, str]]:
        """None when CORS is off; `Vary` alone for an origin that is not allowed, or none."""
        if not self._origins:
            return []
        origin = environ.get("HTTP_ORIGIN")
        vary = ("Vary", "Origin")
        if origin not in self._origins:
            return [vary]
        return [vary, (_ALLOWED, origin), _EXPOSED]
