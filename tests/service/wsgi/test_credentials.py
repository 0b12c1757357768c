"""Who may ask for what."""

from __future__ import annotations

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


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/static/style.css", "/v10", ""])
def test_everything_else_is_open(path: str) -> None:
    assert BOTH.allow(path, {})


def test_an_empty_secret_asks_for_nothing() -> None:
    assert Credentials().allow("/v1/search", {})
    assert Credentials(api_key="k3y").allow("/metrics", {})
    assert Credentials(metrics_token="t0ken").allow("/v1/search", {})
