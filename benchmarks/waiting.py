"""Waiting for a condition instead of a time."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_S = 0.05


def until(look: Callable[[], bool], what: str, within_s: float = 180) -> float:
    """The seconds until `look` was true. Raises TimeoutError that says `what` was waited for."""
    began = time.monotonic()
    while not look():
        if time.monotonic() - began > within_s:
            raise TimeoutError(f"waited {within_s:g} s in vain: {what}")
        time.sleep(LOOK_S)
    return time.monotonic() - began
