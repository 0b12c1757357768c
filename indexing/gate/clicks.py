"""Whether the people who searched lately would click less on a new version."""

from __future__ import annotations

import logging

from shortlist.engine.snapshot import Snapshot
from shortlist.errors import GateError

log = logging.getLogger(__name__)


def broken_by_clicks(old: Snapshot, new: Snapshot, least: float, events: str) -> str | None:
    """The limit that the estimated clicks of a version break, in words; None for none.

    Looked at is the lower end of what it is clicked by the live version's, at least `least`. With
    too few clicks in the store of `events` it is not judged, and that is logged. Raises GateError
    without a store, EventStoreError for one that cannot be read.
    """
    if not events:
        raise GateError(
            "[gate] replay judges by the searches in the store of events: name it with --events or"
            " SHORTLIST_EVENTS, or take replay out"
        )
    from indexing.comparing.logged import replay
    from shortlist.events.store import EventStore

    store = EventStore.open(events, writes=False)
    try:
        found = replay(new, old, store)
    finally:
        store.close()
    if not found.says_enough:
        log.warning(
            "[gate] replay: not judged, %d clicks on searches whose texts were kept are too few",
            found.logged_clicks,
        )
        return None
    if found.relative.low >= least:
        return None
    return (
        f"clicks would be {found.relative.estimate:.2f} times the live version's, at least"
        f" {found.relative.low:.2f} (at least {least:.2f} asked for), {found.unknown:.0%} of the"
        " looks on what was never shown"
    )
