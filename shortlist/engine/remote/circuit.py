"""A circuit: who does not answer is left alone for a while, then asked once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_FAILURES = 3
_REST_S, _MOST_REST_S = 1.0, 8.0


class Circuit:
    """Whether something is to be asked: open after three failures in a row, for a second.

    Then one may try it while the others are still kept off; a failure doubles the rest, up to 8 s,
    a success closes the circuit. Threads share it. `rest_s` is the next rest's length.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._failures = 0
        self.rest_s = _REST_S
        self._ends_at: float | None = None
        self._is_tried = False
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the circuit is open; None where it is closed."""
        return None if self._ends_at is None else self._problem

    @property
    def is_due(self) -> bool:
        """Whether it is open and somebody may try."""
        ends_at = self._ends_at
        return ends_at is not None and self._now() >= ends_at

    def wait_s(self) -> float:
        """0 where the caller is to ask, and to say how it went; else for how long not to."""
        with self._lock:
            if self._ends_at is None:
                return 0.0
            left_s = self._ends_at - self._now()
            if left_s > 0:
                return left_s
            self._ends_at = self._now() + self.rest_s  # the others wait for this one
            self._is_tried = True
            return 0.0

    def succeeded(self) -> None:
        """It answered."""
        if not self._failures:
            return
        with self._lock:
            self._failures, self.rest_s, self._ends_at = 0, _REST_S, None
            self._is_tried = False

    def failed(self, problem: str) -> None:
        """It did not."""
        with self._lock:
            self._failures += 1
            self._problem = problem
            if self._ends_at is not None and not self._is_tried:
                return  # it was asked before the circuit opened
            if self._ends_at is not None:
                self.rest_s = min(2 * self.rest_s, _MOST_REST_S)
            if self._failures >= _FAILURES:
                self._ends_at, self._is_tried = self._now() + self.rest_s, False
