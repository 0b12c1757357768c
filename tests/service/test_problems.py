"""Every error becomes the one JSON shape."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from service.app import register_problems
from service.problems import problem_body
from shortlist.errors import (
    DeadlineExceeded,
    EncoderError,
    InvalidParameter,
    MalformedRequest,
    NotReady,
    Overloaded,
    QueryError,
)

SECRET = "the password is swordfish"


@pytest.fixture
def app() -> Flask:
    """An application with errors in the one shape and no way of its own."""
    app = Flask("problems")
    register_problems(app)
    return app


def client_raising(app: Flask, error: Exception) -> FlaskClient:
    @app.get("/")
    def fail() -> str:
        raise error

    return app.test_client()


def subclasses(base: type[QueryError]) -> set[type[QueryError]]:
    return {base for base in base.__subclasses__() if base.__module__ == "shortlist.errors"}


def test_a_problem_has_type_title_status_detail_and_errors() -> None:
    body = problem_body(422, "invalid_parameter", "k: too high", errors={"k": "too high"})
    assert json.loads(body) == {
        "type": "urn:shortlist:problem:invalid_parameter",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "k: too high",
        "errors": [{"field": "k", "message": "too high"}],
    }


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InvalidParameter("k", "too high"), 422, "invalid_parameter"),
        (MalformedRequest("not UTF-8"), 400, "malformed_request"),
        (NotReady("nothing is published"), 503, "not_ready"),
        (Overloaded("9 queries wait"), 503, "overloaded"),
        (DeadlineExceeded("5 s are up"), 503, "deadline_exceeded"),
    ],
)
def test_each_error_of_a_query_has_its_status_and_tells_its_text(
    app: Flask, error: QueryError, status: int, kind: str
) -> None:
    response = client_raising(app, error).get("/")
    assert response.status_code == status
    fields = [{"field": "k", "message": "too high"}] if status == 422 else []
    assert response.get_json() == {
        "type": f"urn:shortlist:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(error),
        "errors": fields,
    }
    assert response.headers.get("Retry-After") == ("1" if status == 503 else None)


def test_no_error_of_a_query_is_left_without_a_status() -> None:
    from service.problems import _STATUS

    assert set(_STATUS) == subclasses(QueryError)


def test_all_refused_parameters_are_listed(app: Flask) -> None:
    error = InvalidParameter.several({"k": "too high", "q": "missing"})
    body: dict[str, Any] = client_raising(app, error).get("/").get_json()
    assert body["detail"] == "k: too high; q: missing"
    assert body["errors"] == [
        {"field": "k", "message": "too high"},
        {"field": "q", "message": "missing"},
    ]


@pytest.mark.parametrize("error", [RuntimeError(SECRET), KeyError(SECRET), EncoderError(SECRET)])
def test_a_defect_gives_an_id_to_quote_and_its_text_only_to_the_log(
    app: Flask, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = client_raising(app, error).get("/")
    assert response.status_code == 500
    assert SECRET not in response.get_data(as_text=True)
    body = response.get_json()
    request_id = body["request_id"]
    assert body == {
        "type": "urn:shortlist:problem:internal_error",
        "title": "Internal Server Error",
        "status": 500,
        "detail": f"an unexpected error; quote request {request_id}",
        "errors": [],
        "request_id": request_id,
    }
    (record,) = [record for record in caplog.records if record.name == "service.problems"]
    assert record.getMessage() == f"request {request_id} failed"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_every_defect_has_an_id_of_its_own(app: Flask) -> None:
    client = client_raising(app, RuntimeError())
    assert len({client.get("/").get_json()["request_id"] for _ in range(20)}) == 20


def test_errors_of_http_itself_have_the_shape_too(app: Flask) -> None:
    @app.get("/gone")
    def gone() -> str:
        abort(410)

    client = app.test_client()
    expected = [("GET", "/nowhere", 404), ("POST", "/gone", 405), ("GET", "/gone", 410)]
    for method, path, status in expected:
        response = client.open(path, method=method)
        body = response.get_json()
        assert response.mimetype == "application/problem+json"
        assert (response.status_code, body["status"], body["errors"]) == (status, status, [])
        assert list(body) == ["type", "title", "status", "detail", "errors"]
    kinds = [client.open(path, method=method).get_json()["type"] for method, path, _ in expected]
    assert kinds == [
        f"urn:shortlist:problem:{kind}" for kind in ("not_found", "method_not_allowed", "gone")
    ]


def test_a_refused_method_says_which_are_allowed(app: Flask) -> None:
    client = client_raising(app, RuntimeError())
    assert set(client.post("/").headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_text_of_any_script_is_plain_ascii_on_the_wire(app: Flask) -> None:
    response = client_raising(app, MalformedRequest("found '七'")).get("/")
    assert response.data.isascii()
    assert response.get_json()["detail"] == "found '七'"
