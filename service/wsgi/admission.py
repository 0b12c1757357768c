"""What is refused before Flask sees it: what is no request, has no credentials, is too many."""

from __future__ import annotations

import base64
import hmac
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from service.problems import REFUSED, PlainProblem
from service.wsgi.headers import is_below
from service.wsgi.writers import brings_events, is_of_a_writer, is_write

API_PREFIX = "/v1"
METRICS_PATH, INSIGHTS_PATH = "/metrics", "/insights"

_BEARER, _BASIC = "bearer ", "basic "

EXEMPT = frozenset({"/healthz", "/readyz", METRICS_PATH})
"""Answered however busy the service is: what watches it must not be shut out."""

_UNAUTHORIZED = PlainProblem(
    401,
    "unauthorized",
    "this path asks for a key or token, in X-API-Key or as Authorization: Bearer",
    WWW_Authenticate='Bearer realm="shortlist"',
)

_UNAUTHORIZED_PAGE = PlainProblem(
    401,
    "unauthorized",
    "this page asks for the API key: as a password, with any name",
    WWW_Authenticate='Basic realm="shortlist", charset="UTF-8"',
)

_FULL = PlainProblem(
    503,
    "overloaded",
    "too many requests are being answered already; come back in a second",
    Retry_After="1",
)


class Credentials:
    """The secrets of this service; an empty one asks for nothing.

    The API key comes as `X-API-Key` or as a bearer token, the metrics token as a bearer token.
    Where there is a write key, whoever writes shows it in the place of the API key. For the page
    of insights a browser asks for the API key by itself, and sends it as a password.
    """

    def __init__(self, *, api_key: str = "", metrics_token: str = "", write_key: str = "") -> None:
        self._api_key = api_key.encode()
        self._write_key = write_key.encode()
        self._metrics_token = metrics_token.encode()

    def allow(self, path: str, environ: Mapping[str, Any]) -> bool:
        """Whether a WSGI request for this path shows the secret that the path asks for."""
        method = environ.get("REQUEST_METHOD", "GET")
        if self._api_key and is_below(path, INSIGHTS_PATH):
            shown = environ.get("HTTP_X_API_KEY") or _bearer(environ) or _password(environ)
            return _same(shown, self._api_key)
        key = self._api_key if is_below(path, API_PREFIX) else b""
        if self._write_key and is_of_a_writer(method, path):
            key = self._write_key
        if key:
            return _same(environ.get("HTTP_X_API_KEY") or _bearer(environ), key)
        if self._metrics_token and is_below(path, METRICS_PATH):
            return _same(_bearer(environ), self._metrics_token)
        return True


def _bearer(environ: Mapping[str, Any]) -> str:
    header: str = environ.get("HTTP_AUTHORIZATION", "")
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else ""


def _password(environ: Mapping[str, Any]) -> str:
    """The password of basic authentication, its bytes as latin-1 text; the name is passed over."""
    header: str = environ.get("HTTP_AUTHORIZATION", "")
    if not header.lower().startswith(_BASIC):
        return ""
    try:
        shown = base64.b64decode(header[len(_BASIC) :].strip(), validate=True)
    except ValueError:
        return ""
    return shown.partition(b":")[2].decode("latin-1")


def _same(shown: str, secret: bytes) -> bool:
    """Compared in a time that tells nothing; WSGI gives header bytes as latin-1 text."""
    return hmac.compare_digest(shown.encode("latin-1", "replace"), secret)


class Places:
    """Who may be inside: at most `most` at a time, far fewer while too many come.

    As many as `most` may come at once and are all answered, each as late as there are others
    before it. When even that is not enough, the lateness is not worth keeping: for `SHEDDING_S`
    only a seventh of the places is given away, so that those inside are answered soon, and the
    rest hear at once that they are not. It ends early when nobody has been refused for
    `CALM_S`. `few` are given away then, where it is not a seventh. For many threads.
    """

    SHEDDING_S = 30.0
    CALM_S = 1.0

    def __init__(
        self,
        most: int,
        *,
        few: int | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._most = most
        self._few = max(1, most // 7) if few is None else few
        self._mutex = threading.RLock()
        self._inside = 0
        self._shedding_until = self._refused_at = -math.inf

    def take(self) -> bool:
        """Take a place, if there is one."""
        with self._mutex:
            now = self._now()
            shedding = now < min(self._shedding_until, self._refused_at + self.CALM_S)
            if self._inside < (self._few if shedding else self._most):
                self._inside += 1
                return True
            self._refused_at = now
            if not shedding:
                self._shedding_until = now + self.SHEDDING_S
            return False

    def give_back(self) -> None:
        """Give one place back."""
        with self._mutex:
            self._inside -= 1


class Admission:
    """Refuses what is no request, and requests without credentials or without a free place.

    A request that finds no place is answered 503 at once instead of waiting: what waits for a
    thread waits where nobody can refuse it, so the server needs more threads than there are places.
    A place is held until the answer is sent. Those who write have places of their own, if
    `write_places` are given: they wait for disks and versions, and no search waits with them. So
    have those who bring events, if `event_places` are given.
    `rejected` is told the kind of every refusal.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        places: Places,
        credentials: Credentials,
        write_places: Places | None = None,
        event_places: Places | None = None,
        rejected: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._app = app
        self._places = places
        self._write_places = places if write_places is None else write_places
        self._event_places = places if event_places is None else event_places
        self._credentials = credentials
        self._rejected = rejected

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or refuse it."""
        if REFUSED in environ:
            return self._refuse(environ[REFUSED], environ, start_response)
        path = environ.get("PATH_INFO", "")
        if not self._credentials.allow(path, environ):
            page = is_below(path, INSIGHTS_PATH)
            problem = _UNAUTHORIZED_PAGE if page else _UNAUTHORIZED
            return self._refuse(problem, environ, start_response)
        if path in EXEMPT:
            return self._app(environ, start_response)
        places = self._places_for(environ.get("REQUEST_METHOD", "GET"), path)
        if not places.take():
            return self._refuse(_FULL, environ, start_response)
        try:
            body = self._app(environ, start_response)
        except BaseException:
            places.give_back()
            raise
        return _Held(body, places.give_back)

    def _places_for(self, method: str, path: str) -> Places:
        if is_write(method, path):
            return self._write_places
        return self._event_places if brings_events(method, path) else self._places

    def _refuse(
        self, problem: PlainProblem, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        self._rejected(problem.kind)
        return problem.answer(environ, start_response)


class _Held:
    """A body that gives its request's place free, once: when it is sent, closed or forgotten."""

    def __init__(self, body: Iterable[bytes], leave: Callable[[], None]) -> None:
        self._leave: Callable[[], None] | None = leave
        self._body = body
        self._parts = iter(body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except BaseException:
            self._release()
            raise

    def __del__(self) -> None:
        self._release()

    def close(self) -> None:
        """Close the body too."""
        self._release()
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def _release(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()
