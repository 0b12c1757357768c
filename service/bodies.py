"""The body of a request that has to be JSON."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import UnsupportedMediaType


def json_body() -> bytes:
    """The body of the request at hand, as it came. Raises UnsupportedMediaType for another type."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("expected Content-Type: application/json")
    return request.get_data(cache=False)
