"""Who may ask for what."""

from __future__ import annotations

import base64

import pytest

from service.wsgi.admission import Credentials

BOTH = Credentials(api_key="k3y", metrics_token="t0ken")


def bearer(secret: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {secret}"}


@pytest.mark.parametrize("path", ["/v1/search", "/v1", "/v1/", "//v1/search", "/v1/no/such"])
def test_below_v1_the_key_is_asked_for(path: str) -> None:
    assert not BOTH.allow(path, {})
    assert BOTH.allow(path, {"HTTP_X_API_KEY": "k3y"})
    assert BOTH.allow(path, bearer("k3y"))
    assert not BOTH.allow(path, bearer("t0ken"))


@pytest.mark.parametrize(
    "shown",
    [
        {"HTTP_X_API_KEY": ""},
        {"HTTP_X_API_KEY": "k3"},
        {"HTTP_X_API_KEY": "k3yy"},
        {"HTTP_X_API_KEY": "K3Y"},
        {"HTTP_X_API_KEY": "\xff漢"},
        {"HTTP_X_API_KEY": "wrong", **bearer("k3y")},
        {"HTTP_AUTHORIZATION": "k3y"},
        {"HTTP_AUTHORIZATION": "Basic k3y"},
        {"HTTP_AUTHORIZATION": "Bearer"},
        {"HTTP_AUTHORIZATION": "Bearerk3y"},
    ],
)
def test_a_wrong_key_does_not_do(shown: dict[str, str]) -> None:
    assert not BOTH.allow("/v1/search", shown)


def test_the_scheme_may_be_written_in_any_case() -> None:
    assert BOTH.allow("/v1/search", {"HTTP_AUTHORIZATION": "bEARER  k3y "})


def test_metrics_have_a_token_of_their_own() -> None:
    assert not BOTH.allow("/metrics", {})
    assert not BOTH.allow("//metrics", bearer("k3y"))
    assert not BOTH.allow("/metrics", {"HTTP_X_API_KEY": "t0ken"})
    assert BOTH.allow("/metrics", bearer("t0ken"))


WRITING = Credentials(api_key="k3y", write_key="wr1te")
WRITES = [
    ("POST", "/v1/items"), ("post", "/v1/items"), ("PATCH", "/v1/items/7"), ("PUT", "/v1/items"),
    ("DELETE", "//v1/items/7"), ("X", "/v1/items/"), ("GET", "/v1/changes/1"),
    ("HEAD", "//v1/changes"), ("OPTIONS", "/v1/changes/1"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("api_key", ["k3y", ""])
def test_who_writes_shows_the_write_key_and_no_other(method: str, path: str, api_key: str) -> None:
    credentials = Credentials(api_key=api_key, write_key="wr1te")
    asked = {"REQUEST_METHOD": method}
    assert not credentials.allow(path, asked)
    assert not credentials.allow(path, {**asked, "HTTP_X_API_KEY": "k3y"})
    assert not credentials.allow(path, {**asked, **bearer("k3y")})
    assert credentials.allow(path, {**asked, "HTTP_X_API_KEY": "wr1te"})
    assert credentials.allow(path, {**asked, **bearer("wr1te")})


def basic(name: str, password: str) -> dict[str, str]:
    shown = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"HTTP_AUTHORIZATION": f"Basic {shown}"}


@pytest.mark.parametrize("path", ["/insights", "//insights", "/insights/data.json"])
def test_a_browser_shows_the_api_key_of_insights_as_a_password(path: str) -> None:
    for shown in (basic("", "k3y"), basic("anna", "k3y"), bearer("k3y"), {"HTTP_X_API_KEY": "k3y"}):
        assert BOTH.allow(path, shown)
    wrong = ("Basic", "Basic !", "Basic azN5", "Basic k3y", "Basic " + "A" * 5)  # azN5 is k3y
    for shown in ({}, basic("k3y", ""), basic("", "k3"), bearer("t0ken")):
        assert not BOTH.allow(path, shown)
    assert not [one for one in wrong if BOTH.allow(path, {"HTTP_AUTHORIZATION": one})]
    assert not BOTH.allow("/v1/search", basic("", "k3y"))


def test_events_are_brought_by_who_may_search() -> None:
    asked = {"REQUEST_METHOD": "POST"}
    assert not WRITING.allow("/v1/events", asked)
    assert WRITING.allow("/v1/events", {**asked, "HTTP_X_API_KEY": "k3y"})
    assert not WRITING.allow("/v1/events", {**asked, "HTTP_X_API_KEY": "wr1te"})


def test_the_write_key_does_not_read() -> None:
    for path in ("/v1/items/7", "/v1/items", "/v1/search", "/v1/itemsx"):
        assert not WRITING.allow(path, {"REQUEST_METHOD": "GET", "HTTP_X_API_KEY": "wr1te"})
        assert WRITING.allow(path, {"REQUEST_METHOD": "GET", "HTTP_X_API_KEY": "k3y"})
    assert not WRITING.allow("/v1/search", {"REQUEST_METHOD": "POST", "HTTP_X_API_KEY": "wr1te"})


def test_without_a_write_key_the_api_key_is_asked_for_whatever_the_method() -> None:
    asked = {"REQUEST_METHOD": "POST"}
    assert not BOTH.allow("/v1/items", asked)
    assert BOTH.allow("/v1/items", {**asked, "HTTP_X_API_KEY": "k3y"})


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/static/style.css", "/v10", ""])
def test_everything_else_is_open(path: str) -> None:
    assert BOTH.allow(path, {})


def test_an_empty_secret_asks_for_nothing() -> None:
    assert Credentials().allow("/v1/search", {})
    assert Credentials(api_key="k3y").allow("/metrics", {})
    assert Credentials(metrics_token="t0ken").allow("/v1/search", {})
