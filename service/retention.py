"""Events and answers are removed when they are so many days old."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from service.recorder import Recorder
from shortlist.errors import EventStoreError, EventsUnavailable

log = logging.getLogger(__name__)

_FIRST_S, _EACH_S = 60.0, 3600.0


class Retention:
    """Looks once an hour for what is too old. Every worker does; the second finds nothing."""

    def __init__(
        self, recorder: Recorder, days: int, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._recorder, self._days, self._now = recorder, days, now
        self._due = now() + _FIRST_S

    def look(self) -> None:
        """Remove what is too old, if it is time to."""
        if self._now() < self._due:
            return
        self._due = self._now() + _EACH_S
        try:
            store = self._recorder.store()
            removed = store.prune(datetime.now(UTC) - timedelta(days=self._days))
        except (EventStoreError, EventsUnavailable) as error:
            self._due = self._now() + _FIRST_S
            log.warning("events older than %d days are not removed: %s", self._days, error)
            return
        if any(removed):
            log.info(
                "removed what is older than %d days: %d events, %d answers", self._days, *removed
            )
