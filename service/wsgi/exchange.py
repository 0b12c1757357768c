"""One request and its answer: an id, a clock, and what is logged and counted at the end."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from service.problems import MEDIA_TYPE, defect_body
from shortlist.engine.clock import StageClock

if TYPE_CHECKING:  # this file is read before the engine may be: see __main__
    from shortlist.engine.answer import Answer
    from shortlist.engine.query import Asked
    from shortlist.engine.trial import Entry

UNROUTED = "(none)"
"""The route of a request that no rule matched, or that was refused before routing."""

_KEY = "shortlist.exchange"
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SESSION = re.compile(r"[!-~]{1,64}")


@dataclass(slots=True)
class Exchange:
    """What is known of a request so far; whoever learns more of it writes it here."""

    request_id: str
    clock: StageClock
    took_s: float = 0.0
    route: str = UNROUTED
    status: int = 0
    version: str | None = None
    n_results: int | None = None
    no_good_match: bool = False
    sequence: int | None = None
    answered: list[tuple[Asked, Answer]] = field(default_factory=list)
    entry: Entry | None = None


def exchange_of(environ: WSGIEnvironment) -> Exchange:
    """The exchange of a WSGI request; a new one for a request that came without."""
    exchange: Exchange | None = environ.get(_KEY)
    if exchange is None:
        exchange = environ[_KEY] = Exchange(_request_id(environ), StageClock())
    return exchange


def session_of(environ: WSGIEnvironment) -> str | None:
    """The visit that the client says the request belongs to, None for none that could be one."""
    given: str = environ.get("HTTP_X_SESSION_ID", "")
    return given if _SESSION.fullmatch(given) else None


class Exchanges:
    """The outermost layer: begins an exchange, names it in the answer, hands it to `finish`.

    `finish` gets the environment and the exchange once the answer is made. An error that comes
    this far is a defect, and so is a panic of a library, which Python calls no Exception; both are
    answered like any other.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        finish: Callable[[WSGIEnvironment, Exchange], None],
        deadline_s: float = 0,
    ) -> None:
        self._app = app
        self._finish = finish
        self._deadline_s = deadline_s

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        exchange = Exchange(_request_id(environ), StageClock(self._deadline_s))
        environ[_KEY] = exchange

        def begin(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            exchange.status = int(status[:3])
            headers.append(("X-Request-ID", exchange.request_id))
            return start_response(status, headers, *exc_info)

        try:
            body = self._app(environ, begin)
        except BaseException as error:  # the client must hear of it
            body = [defect_body(exchange.request_id, error)]
            headers = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body[0])))]
            info = (type(error), error, error.__traceback__)
            begin("500 Internal Server Error", headers, info)
        exchange.took_s = exchange.clock.leave()
        self._finish(environ, exchange)
        return body


def _request_id(environ: WSGIEnvironment) -> str:
    """The client's id when it is harmless wherever it is written, else a new one."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _SANE.fullmatch(given) else secrets.token_hex(8)
