"""Who gets gzip."""

from __future__ import annotations

import gzip

import pytest
from flask import Flask, Response

from service.wsgi.compression import accepts_gzip, compress, compressed


@pytest.mark.parametrize(
    "header",
    ["gzip", "GZIP", "deflate, gzip", "gzip;q=0.1", "br;q=1.0, gzip; q=0.5", "*", "x-gzip"],
)
def test_a_client_that_names_it_takes_it(header: str) -> None:
    assert accepts_gzip(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "identity",
        "br, deflate",
        "gzip;q=0",
        "gzip;q=0.0, *",
        "*;q=0",
        "gzip;q=x",
        "gzipped",
        ",",
    ],
)
def test_any_other_does_not(header: str) -> None:
    assert not accepts_gzip(header)


def test_what_is_compressed_comes_back_and_is_the_same_every_time() -> None:
    body = b'{"results": []}' * 100
    assert gzip.decompress(compress(body)) == body
    assert compress(body) == compress(body)
    assert len(compress(body)) < len(body) / 10


def test_text_is_compressed_and_images_are_not() -> None:
    with Flask("test").test_request_context(headers={"Accept-Encoding": "gzip"}):
        for mimetype, encoding in (("application/json", "gzip"), ("image/png", None)):
            response = compressed(Response(b"x" * 5000, mimetype=mimetype))
            assert response.headers.get("Content-Encoding") == encoding
            assert response.headers.get("Vary") == ("Accept-Encoding" if encoding else None)
        small = compressed(Response(b"x" * 100, mimetype="application/json"))
        assert "Content-Encoding" not in small.headers
