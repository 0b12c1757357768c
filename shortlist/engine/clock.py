"""The stages of one request: how long each took, and whether there is time for the next."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextvars import ContextVar
from enum import StrEnum

from shortlist.errors import DeadlineExceeded


class Stage(StrEnum):
    """What a request passes through, in this order."""

    ENCODE = "encode"
    RETRIEVE = "retrieve"
    RANK = "rank"
    SERIALISE = "serialise"


def time_left_s(most: float) -> float:
    """Seconds that the request which this thread answers has left, `most` at most."""
    clock = _OF_THREAD.get()
    return most if clock is None else min(most, clock.left_s())


class StageClock:
    """Made when a request arrives; `deadline_s` is counted from then, 0 means no deadline.

    `durations_s` has the seconds of every stage that was entered and is over; a stage entered twice
    has the sum. For one thread.
    """

    def __init__(self, deadline_s: float = 0, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._started = self._entered = now()
        self._stage: Stage | None = None
        self._deadline_s = deadline_s
        self.durations_s: dict[str, float] = {}

    def elapsed_s(self) -> float:
        """Seconds since the request arrived."""
        return self._now() - self._started

    def left_s(self) -> float:
        """Seconds to the deadline, 0 when it is over, infinite without one."""
        if not self._deadline_s:
            return math.inf
        return max(0.0, self._deadline_s - self.elapsed_s())

    def enter(self, stage: Stage) -> None:
        """Time a stage from here until another is entered or it is left.

        Raises DeadlineExceeded instead of entering when the time is up. Writing down an answer
        that is already computed is never refused.
        """
        elapsed_s = self.leave()
        if self._deadline_s and elapsed_s > self._deadline_s and stage is not Stage.SERIALISE:
            raise DeadlineExceeded(
                f"the time of a request, {self._deadline_s:g} s, was up before stage {stage.value}"
            )
        self._stage = stage
        _OF_THREAD.set(self)

    def leave(self) -> float:
        """End the stage under way, if there is one; returns the seconds since the arrival."""
        now = self._now()
        if self._stage is not None:
            name = self._stage.value
            self.durations_s[name] = self.durations_s.get(name, 0.0) + now - self._entered
        self._stage, self._entered = None, now
        _OF_THREAD.set(None)
        return now - self._started


_OF_THREAD: ContextVar[StageClock | None] = ContextVar("clock", default=None)
"""The clock of the request that a thread answers: who waits for others asks it for how long."""
