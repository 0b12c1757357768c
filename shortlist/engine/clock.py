"""The stages of one request: how long each took, and whether there is time for the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from shortlist.errors import DeadlineExceeded


class Stage(StrEnum):
    """What a request passes through, in this order."""

    ENCODE = "encode"
    RETRIEVE = "retrieve"
    RANK = "rank"
    SERIALISE = "serialise"


class StageClock:
    """Made when a request arrives; `deadline_s` is counted from then, 0 means no deadline.

    `durations_s` has the seconds of every stage that was entered, also of one that failed; a
    stage entered twice has the sum. For one thread.
    """

    def __init__(self, deadline_s: float = 0, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._started = now()
        self._deadline_s = deadline_s
        self.durations_s: dict[str, float] = {}

    def elapsed_s(self) -> float:
        """Seconds since the request arrived."""
        return self._now() - self._started

    @contextmanager
    def enter(self, stage: Stage) -> Iterator[None]:
        """Time a stage: `with clock.enter(Stage.RANK): ...`.

        Raises DeadlineExceeded instead of entering when the time is up. Writing down an answer
        that is already computed is never refused.
        """
        if stage is not Stage.SERIALISE:
            self._check(stage)
        entered = self._now()
        try:
            yield
        finally:
            spent_s = self._now() - entered
            self.durations_s[stage.value] = self.durations_s.get(stage.value, 0.0) + spent_s

    def _check(self, stage: Stage) -> None:
        if self._deadline_s and self.elapsed_s() > self._deadline_s:
            raise DeadlineExceeded(
                f"the time of a request, {self._deadline_s:g} s, was up before stage {stage.value}"
            )
