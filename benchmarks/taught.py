"""What a version gains that learns from what simulated people click, beside the ratings.

The people are users that no version knows ratings of. Half of what each likes draws their clicks,
which go into a store of events as a service would write them; the other half is held out, and
whoever learns from the store should find more of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.people import SEED, SHOWN, Traffic, World, clicked
from indexing.measure.metrics import Difference, measure, paired_bootstrap
from indexing.measure.systems import OURS, engine
from indexing.measure.topic import Topic
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.engine.snapshot import Snapshot
from shortlist.events.event import Event, EventType
from shortlist.events.judgement import WEIGHTS, Scale, hinted_rating
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.store import EventStore

Learn = Callable[[EventStore], Snapshot]
"""A version from the same ratings as another, and the events of a store."""

METRIC = "nDCG@10"
THUMBS = 0.3
"""The share of what somebody clicked and does like that they say so of."""

_TOGETHER = 1000


@dataclass(frozen=True)
class Gain:
    """nDCG@10 of likes held out, and by how much more it is, with 95 % intervals over people.

    `found` by a version that learns from events, for people known by theirs. `whole` is what it
    finds more than a version of the ratings alone, to which they are strangers, who get what
    anybody gets; `learnt` what it finds more than that version would for the same tastes.
    """

    people: int
    found: float
    whole: Difference
    learnt: Difference


def gain(
    world: World,
    alone: Snapshot,
    learn: Learn,
    store: EventStore,
    *,
    profile: str,
    n_searches: int = 20_000,
    known: bool = True,
) -> Gain:
    """What the version that `learn` makes of a store finds more than one of ratings `alone`.

    The empty store is filled with searches and clicks on the lists of a profile; both recommend.
    Clicks are weak likes of theirs, what they say that they like is a like; neither is an answer.
    Unless who is asked for is `known`, every second person teaches and the others are asked for.
    """
    rng = np.random.default_rng(SEED)
    drawing = world.liked & (rng.random(world.liked.shape) < 0.5)
    people = replace(world, liked=drawing)
    traffic = people.traffic(n_searches, rng)
    rows = people.lists[profile][traffic.texts, :SHOWN]
    on = clicked(people, traffic, rows, rng)
    said = on & people.liked[traffic.users[:, None], rows] & (rng.random(on.shape) < THUMBS)
    teaches = np.ones(len(traffic.users), np.bool_) if known else traffic.users % 2 == 0
    for answers, events in _logged(alone, people, traffic, rows, on, said, teaches):
        store.log_answers(answers)
        store.append(events)
    rated = alone.bundle.manifest.popularity
    assert rated is not None
    topics = [
        topic
        for user, topic in _topics(world.liked & ~drawing, traffic, rows, on, said, rated.scale)
        if known or user % 2
    ]
    system, taught = engine(OURS), learn(store)

    def ndcg(version: Snapshot, asked: Sequence[Topic]) -> FloatArray:
        lists = [system.rank(one, version) for one in asked]
        unseen = [rows[~np.isin(rows, one.seen)] for rows, one in zip(lists, topics, strict=True)]
        return np.asarray(measure(topics, unseen, (METRIC,))[METRIC])

    strangers = [replace(one, liked=np.empty(0, np.int64), ratings=np.empty(0)) for one in topics]
    own = ndcg(taught, topics)
    return Gain(
        people=len(topics),
        found=float(own.mean()),
        whole=paired_bootstrap(own, ndcg(alone, strangers)),
        learnt=paired_bootstrap(own, ndcg(alone, topics)),
    )


def user_of(number: int) -> str:
    """The id that events give a simulated user."""
    return f"simulated-{number}"


def _topics(
    held_out: np.ndarray,
    traffic: Traffic,
    rows: RowArray,
    on: np.ndarray,
    said: np.ndarray,
    scale: Scale,
) -> Iterator[tuple[int, Topic]]:
    """Of each user who clicked: what a service knows of them, and what of the rest is liked."""
    hint = hinted_rating(WEIGHTS[EventType.CLICK], scale)
    for user in np.unique(traffic.users).tolist():
        own = traffic.users == user
        seen = np.unique(rows[own][on[own]])
        ratings = np.where(np.isin(seen, rows[own][said[own]]), scale[1], hint)
        relevant = np.setdiff1d(np.flatnonzero(held_out[user]), seen)
        if len(seen) and len(relevant):
            yield user, Topic(
                id=user_of(user), user=user_of(user), kind="taught", held_out=True,
                relevant=relevant, liked=seen, ratings=ratings, seen=seen,
            )  # fmt: skip


def _logged(
    snapshot: Snapshot,
    world: World,
    traffic: Traffic,
    rows: RowArray,
    on: np.ndarray,
    said: np.ndarray,
    teaches: np.ndarray,
) -> Iterator[tuple[list[LoggedQuery], list[Event]]]:
    """The searches as a service remembers them, one a minute, a thousand at a time.

    With what was clicked (`on`), and what of it was `said` to be liked, bool [n, k] each; those
    alone that somebody `teaches` by, bool [n].
    """
    id_of, begin = snapshot.bundle.ids.id_of, datetime.now(UTC) - timedelta(minutes=len(rows))
    for first in range(0, len(rows), _TOGETHER):
        answers, events = [], []
        last = min(first + _TOGETHER, len(rows))
        for number in (first + np.flatnonzero(teaches[first:last])).tolist():
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
            for kind, acted in ((EventType.CLICK, on), (EventType.LIKE, said)):
                events += [
                    Event(
                        event_id=f"{query_id}-{place}-{kind}",
                        type=kind,
                        item_id=shown[place],
                        at=at + timedelta(seconds=5),
                        user=user,
                        query_id=query_id,
                        rank=place + 1,
                    )
                    for place in np.flatnonzero(acted[number]).tolist()
                ]
        yield answers, events
