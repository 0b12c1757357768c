"""Versions compared by the searches that a store remembers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from indexing.comparing.displays import displays_of
from indexing.comparing.replay import LEAST_CLICKS, Interval, Replay, compare, rank_again
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.events.logged import LoggedQuery
from shortlist.events.store import EventStore

DAYS = 30


def replay_versions(
    artifacts: ArtifactStore,
    store: EventStore,
    version: str,
    *,
    against: str | None = None,
    days: int = DAYS,
) -> Replay:
    """A version against the live one, or another. Raises BundleMissing, EventStoreError."""
    other = artifacts.live_folder() if against is None else artifacts.existing(against)
    live = load_snapshot(other, LoadOptions())
    candidate = load_snapshot(artifacts.existing(version), LoadOptions(), sharing=live)
    return replay(candidate, live, store, days=days)


def replay(candidate: Snapshot, live: Snapshot, store: EventStore, *, days: int = DAYS) -> Replay:
    """A loaded version against another, by the searches of so many days. Raises EventStoreError."""
    displays = displays_of(_answers(store, datetime.now(UTC) - timedelta(days=days)))
    return compare(
        displays,
        rank_again(candidate, displays.asked),
        rank_again(live, displays.asked),
        versions=(candidate.version, live.version),
    )


def _answers(store: EventStore, since: datetime) -> Iterator[LoggedQuery]:
    for batch in store.query_batches(since=since):
        yield from batch


def replay_report(found: Replay) -> str:
    """A replay for people."""
    seen = found.examination
    told = "assumed" if seen.is_assumed else f"from {seen.clicks:,} clicks on what moved"
    shares = ", ".join(f"{share:.2f}" for share in seen.shares[:5])
    lines = [
        f"{found.version} against {found.live_version}",
        f"searches    {found.searches:,}, {found.requests:,} different ones, with"
        f" {found.logged_clicks:,} clicks; {found.failed:,} cannot be answered any more",
        f"looked at   {shares} at the first places ({told})",
        f"clicks      {_told(found.clicks)} a search on what had been shown before",
        f"live        {_told(found.live)}",
        f"relative    {_told(found.relative)}",
        f"unknown     {found.unknown:.1%} of the looks fall on what was never shown for the search"
        f" ({found.live_unknown:.1%} with the live version): counted as never clicked",
    ]
    if not found.says_enough:
        lines.append(f"not enough: at least {LEAST_CLICKS} clicks are needed to judge a version")
    return "\n".join(lines)


def _told(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
