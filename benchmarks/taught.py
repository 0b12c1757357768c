"""What a version gains that learns from what simulated people click, beside the ratings.

The people are users that no version knows ratings of. Half of what each likes draws their clicks,
which go into a store of events as a service would write them; the other half is held out, and
whoever learns from the store should find more of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.people import SEED, SHOWN, Traffic, World, clicked
from indexing.measure.metrics import Difference, measure, paired_bootstrap
from indexing.measure.systems import OURS, engine
from indexing.measure.topic import Topic
from shortlist.bundle.arrays import RowArray
from shortlist.engine.snapshot import Snapshot
from shortlist.events.event import Event, EventType
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.store import EventStore

Learn = Callable[[EventStore], Snapshot]
"""A version from the same ratings as another, and the events of a store."""

METRIC = "nDCG@10"
_TOGETHER = 1000


def gain(
    world: World,
    alone: Snapshot,
    learn: Learn,
    store: EventStore,
    *,
    profile: str,
    n_searches: int = 20_000,
) -> Difference:
    """By how much the version that `learn` makes of a store finds more than one of ratings `alone`.

    The empty store is filled with searches and clicks on the lists of a profile. Both versions are
    told what each person clicked, as likes, and recommend; the difference is that of nDCG@10 of the
    likes held out, with its 95 % interval over people.
    """
    rng = np.random.default_rng(SEED)
    drawing = world.liked & (rng.random(world.liked.shape) < 0.5)
    people = replace(world, liked=drawing)
    traffic = people.traffic(n_searches, rng)
    rows = people.lists[profile][traffic.texts, :SHOWN]
    on = clicked(people, traffic, rows, rng)
    for answers, events in _logged(alone, people, traffic, rows, on):
        store.log_answers(answers)
        store.append(events)
    rated = alone.bundle.manifest.popularity
    assert rated is not None
    topics = list(_topics(world.liked & ~drawing, traffic, rows, on, highest=rated.scale[1]))
    system = engine(OURS)
    own, other = (
        measure(topics, [system.rank(one, version) for one in topics], (METRIC,))[METRIC]
        for version in (learn(store), alone)
    )
    return paired_bootstrap(own, other)


def user_of(number: int) -> str:
    """The id that events give a simulated user."""
    return f"simulated-{number}"


def _topics(
    held_out: np.ndarray, traffic: Traffic, rows: RowArray, on: np.ndarray, *, highest: float
) -> Iterator[Topic]:
    """Of each user who clicked: what was clicked, as liked most, and what of the rest is liked."""
    for user in np.unique(traffic.users).tolist():
        own = traffic.users == user
        seen = np.unique(rows[own][on[own]])
        relevant = np.setdiff1d(np.flatnonzero(held_out[user]), seen)
        if len(seen) and len(relevant):
            yield Topic(
                id=user_of(user), user=user_of(user), kind="taught", held_out=True,
                relevant=relevant, liked=seen, ratings=np.full(len(seen), highest), seen=seen,
            )  # fmt: skip


def _logged(
    snapshot: Snapshot, world: World, traffic: Traffic, rows: RowArray, on: np.ndarray
) -> Iterator[tuple[list[LoggedQuery], list[Event]]]:
    """The searches as a service remembers them, one a minute, a thousand at a time."""
    id_of, begin = snapshot.bundle.ids.id_of, datetime.now(UTC) - timedelta(minutes=len(rows))
    for first in range(0, len(rows), _TOGETHER):
        answers, events = [], []
        for number in range(first, min(first + _TOGETHER, len(rows))):
            at, user = begin + timedelta(minutes=number), user_of(int(traffic.users[number]))
            shown = tuple(str(id_of(row)) for row in rows[number].tolist())
            query_id, text = f"simulated-{number}", world.texts[traffic.texts[number]]
            answers.append(
                LoggedQuery(
                    query_id=query_id,
                    at=at,
                    kind=QueryKind.SEARCH,
                    version=snapshot.version,
                    profile=snapshot.bundle.manifest.default_profile,
                    k=len(shown),
                    offset=0,
                    n_results=len(shown),
                    matched=snapshot.bundle.n_items,
                    took_ms=1.0,
                    shown=shown,
                    text=text,
                    user=user,
                )
            )
            events += [
                Event(
                    event_id=f"{query_id}-{place}",
                    type=EventType.CLICK,
                    item_id=shown[place],
                    at=at + timedelta(seconds=5),
                    user=user,
                    query_id=query_id,
                    rank=place + 1,
                )
                for place in np.flatnonzero(on[number]).tolist()
            ]
        yield answers, events
