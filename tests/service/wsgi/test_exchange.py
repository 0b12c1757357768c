"""Every request has an id, and is handed on once it is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from service.wsgi.exchange import UNROUTED, Exchange, Exchanges, exchange_of

Environ = dict[str, Any]


class Answered:
    """What a server got for one request."""

    def __init__(self, app: Callable[[Environ, Any], Iterable[bytes]], **environ: str) -> None:
        self.finished: list[Exchange] = []
        self.started: list[tuple[Any, ...]] = []
        layer = Exchanges(
            app, finish=lambda _, exchange: self.finished.append(exchange), deadline_s=2.5
        )
        body = layer(
            {"REQUEST_METHOD": "GET", **environ}, lambda *begun: self.started.append(begun)
        )
        self.body = b"".join(body)

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.started[-1][1])


def hello(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.mark.parametrize("given", ["a", "Ab.9_-:", "x" * 128])
def test_a_sane_id_is_kept(given: str) -> None:
    answered = Answered(hello, HTTP_X_REQUEST_ID=given)
    assert answered.headers == {"Content-Type": "text/plain", "X-Request-ID": given}
    assert [exchange.request_id for exchange in answered.finished] == [given]


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\nb", "a\n", "é", "<a>", 'a"', "a,b"])
def test_any_other_is_replaced(given: str) -> None:
    answered = Answered(hello, HTTP_X_REQUEST_ID=given)
    made = answered.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{16}", made)
    assert answered.finished[0].request_id == made


def test_every_request_without_an_id_gets_another() -> None:
    assert len({Answered(hello).headers["X-Request-ID"] for _ in range(50)}) == 50


def test_what_the_application_notes_is_handed_on_with_the_status() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        exchange = exchange_of(environ)
        exchange.route = "/v1/search"
        exchange.version, exchange.n_results, exchange.no_good_match = "v", 0, True
        start_response("404 Not Found", [])
        return []

    (exchange,) = Answered(app).finished
    assert (exchange.route, exchange.status) == ("/v1/search", 404)
    assert (exchange.version, exchange.n_results, exchange.no_good_match) == ("v", 0, True)


def test_a_request_nobody_noted_anything_of_has_no_route() -> None:
    (exchange,) = Answered(hello).finished
    assert (exchange.route, exchange.version, exchange.n_results) == (UNROUTED, None, None)


class Panic(BaseException):
    """What the tokenizers library raises when it panics: no Exception."""


@pytest.mark.parametrize("error", [RuntimeError("swordfish"), Panic("swordfish")])
def test_an_error_that_comes_this_far_is_answered_like_any_defect(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        raise error

    answered = Answered(app, HTTP_X_REQUEST_ID="mine")
    problem = json.loads(answered.body)
    assert answered.started[0][0] == "500 Internal Server Error"
    assert answered.headers["X-Request-ID"] == "mine"
    assert answered.headers["Content-Type"] == "application/problem+json"
    assert (problem["status"], problem["request_id"]) == (500, "mine")
    assert b"swordfish" not in answered.body
    assert "request mine failed" in caplog.text
    assert [exchange.status for exchange in answered.finished] == [500]


def test_a_request_outside_the_layer_gets_an_exchange_that_stays() -> None:
    environ: Environ = {"HTTP_X_REQUEST_ID": "mine"}
    exchange = exchange_of(environ)
    assert exchange.request_id == "mine"
    assert exchange_of(environ) is exchange
