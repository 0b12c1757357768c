"""Headers for browsers' security, and CORS for exactly the allowed origins."""

from __future__ import annotations

from typing import Any

import pytest

from service.wsgi.headers import CONTENT_SECURITY_POLICY, ResponseHeaders

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
OURS = "https://films.example"
CORS = "Access-Control-"


def headers(
    mimetype: str = "application/json",
    *,
    origins: tuple[str, ...] = (),
    image_origins: tuple[str, ...] = (),
    method: str = "GET",
    **environ: str,
) -> tuple[str, dict[str, str]]:
    """Status and headers of an answer of this type."""
    begun: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", mimetype)])
        return [b"inside"]

    layer = ResponseHeaders(app, origins=origins, image_origins=image_origins)
    body = layer({"REQUEST_METHOD": method, **environ}, lambda *args: begun.append(args))
    (status, found) = begun[0]
    assert (list(body) == []) == (status == "204 No Content")
    return status, dict(found)


def test_every_answer_has_the_security_headers_and_only_a_page_a_policy() -> None:
    assert headers() == ("200 OK", {"Content-Type": "application/json", **SECURITY})
    html = "text/html; charset=utf-8"
    policy = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    assert headers(html) == ("200 OK", {"Content-Type": html, **SECURITY, **policy})


def test_the_policy_is_strict() -> None:
    assert CONTENT_SECURITY_POLICY.split("; ") == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]


def test_pictures_may_be_allowed_from_elsewhere_and_nothing_else() -> None:
    cdn = ("https://cdn.example", "https://b.example:8443")
    policy = headers("text/html", image_origins=cdn)[1]["Content-Security-Policy"]
    ours = CONTENT_SECURITY_POLICY.split("; ")
    allowed = [one for one in policy.split("; ") if one not in ours]
    assert allowed == ["img-src 'self' data: https://cdn.example https://b.example:8443"]


def test_cors_is_off_by_default() -> None:
    _, found = headers(HTTP_ORIGIN=OURS)
    assert [name for name in found if name.startswith(CORS)] == []
    assert "Vary" not in found


def test_an_allowed_origin_may_read_the_answer() -> None:
    _, found = headers(origins=(OURS,), HTTP_ORIGIN=OURS)
    assert found["Access-Control-Allow-Origin"] == OURS
    assert found["Access-Control-Expose-Headers"] == "Retry-After, X-Request-ID"
    assert found["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in found


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"{OURS}.evil.example", f"{OURS}:8443", "null", "", "*"]
)
def test_another_origin_may_not(origin: str) -> None:
    _, found = headers(origins=(OURS,), HTTP_ORIGIN=origin)
    assert [name for name in found if name.startswith(CORS)] == []
    assert found["Vary"] == "Origin"


def preflight(origin: str) -> tuple[str, dict[str, str]]:
    return headers(
        origins=(OURS,),
        method="OPTIONS",
        HTTP_ORIGIN=origin,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
    )


def test_a_preflight_of_an_allowed_origin_is_answered_here() -> None:
    status, found = preflight(OURS)
    assert status == "204 No Content"
    assert found["Access-Control-Allow-Origin"] == OURS
    assert found["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert "X-API-Key" in found["Access-Control-Allow-Headers"]


def test_a_preflight_of_another_origin_goes_inside_without_a_word_of_cors() -> None:
    status, found = preflight("https://evil.example")
    assert status == "200 OK"
    assert [name for name in found if name.startswith(CORS)] == []


def test_a_plain_options_request_goes_inside() -> None:
    assert headers(origins=(OURS,), method="OPTIONS", HTTP_ORIGIN=OURS)[0] == "200 OK"
