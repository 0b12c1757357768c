"""Who gets gzip."""

from __future__ import annotations

import gzip

import pytest

from service.wsgi.compression import accepts_gzip, compress, is_compressible


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
    assert is_compressible("application/json")
    assert is_compressible("text/html")
    assert not is_compressible("image/png")
    assert not is_compressible(None)
