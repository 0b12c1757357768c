"""Which requests write, and what, told by method and path before they are routed."""

from __future__ import annotations

from service.wsgi.headers import is_below

ITEMS_PATH, CHANGES_PATH, EVENTS_PATH = "/v1/items", "/v1/changes", "/v1/events"

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Every other method counts as writing: none that nobody has thought of does without a key."""


def is_write(method: str, path: str) -> bool:
    """Whether a request may change items. Methods are routed in any case, so they are told so."""
    return method.upper() not in _READING and is_below(path, ITEMS_PATH)


def brings_events(method: str, path: str) -> bool:
    """Whether a request may bring events, and so wait for their store."""
    return method.upper() not in _READING and is_below(path, EVENTS_PATH)


def is_of_a_writer(method: str, path: str) -> bool:
    """Whether a request changes items, or asks what became of a change."""
    return is_write(method, path) or is_below(path, CHANGES_PATH)
