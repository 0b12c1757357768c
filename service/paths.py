"""Ids in paths as they were sent: an encoded slash is the id's and parts nothing."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from flask import request
from werkzeug.exceptions import NotFound

from shortlist.engine.conditions import MAX_ID_LENGTH
from shortlist.errors import InvalidParameter, MalformedRequest

ITEM_PAGES = "/items/"
_ORIGIN = re.compile(r"[a-z]+://[^/]*", re.IGNORECASE)
"""What stands before the path when a proxy's form of a request is used."""


def segments_behind(prefix: str) -> list[str]:
    """The parts of the request's path behind `prefix`, still encoded: %2F parts nothing."""
    raw: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
    path = _ORIGIN.sub("", raw.partition("?")[0]).lstrip("/")
    return path.split("/")[prefix.count("/") - 1 :]


def item_id_of(segments: list[str]) -> str:
    """The id that is the one segment. Raises NotFound for none or more, a QueryError otherwise."""
    if len(segments) != 1 or not segments[0]:
        raise NotFound("no such path; a / in an item's id is written %2F")
    item_id = _decoded(segments[0])
    if len(item_id) > MAX_ID_LENGTH:
        raise InvalidParameter("item_id", f"expected at most {MAX_ID_LENGTH} characters")
    return item_id


def user_of(segments: list[str]) -> str:
    """The user in /v1/users/{user}/recommend, as `item_id_of` reads an item's id."""
    if len(segments) != 2:
        raise NotFound("no such path; a / in a user's id is written %2F")
    return _decoded(segments[0])


def _decoded(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"the path is not UTF-8 percent-encoding: {error}") from error


def path_of_item(item_id: int | str, prefix: str = ITEM_PAGES) -> str:
    """Where an item is found below a prefix."""
    return f"{prefix}{quote(str(item_id), safe='')}"
