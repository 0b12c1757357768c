"""What answers topics: the engine with each profile, and its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from indexing.measure.topic import Topic
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.profiles import Profile
from shortlist.bundle.reader import Bundle
from shortlist.engine import query as queries
from shortlist.engine.features import (
    FEATURES,
    SIMILARITY,
    Source,
    available_features,
    features_from,
    weighs,
)
from shortlist.engine.lanes.words import WORDS_FEATURE
from shortlist.engine.person import Person
from shortlist.engine.pool import Pool
from shortlist.engine.query import MAX_CANDIDATES, Asked
from shortlist.engine.search import ranked
from shortlist.engine.snapshot import Snapshot

DEPTH = 1000
"""How far rankings are looked at."""

OURS = "the bundle's profile"
CARRIERS, TEXT_ALONE = "popularity among the carriers", "text alone"
NEIGHBOURS_ALONE = "neighbours alone"
LEADING = {True: "co_liked", False: "collaborative"}
"""The feature that carries most, of similar items and of recommendations."""


@dataclass(frozen=True)
class System:
    """Something that orders a catalogue's rows for a topic.

    `rank` gives up to 1,000 rows int64, best first, none of them seen. Its snapshot has the
    topic's overlay applied, or has learnt from other users.
    """

    name: str
    rank: Callable[[Topic, Snapshot], RowArray]


def best_unseen(scores: FloatArray, topic: Topic) -> RowArray:
    """The rows of the largest finite scores that are not seen, ties in rising row order."""
    scores = scores.astype(np.float64)
    scores[topic.seen] = -np.inf
    n_left_out = max(0, len(scores) - DEPTH)
    rows = np.flatnonzero(scores >= np.partition(scores, n_left_out)[n_left_out])
    order: RowArray = rows[np.argsort(-scores[rows], kind="stable")][:DEPTH]
    return order[np.isfinite(scores[order])]


def engine(name: str, **options: Any) -> System:
    """The engine that serves, asked as a client would ask it, with these options of a query."""

    def rank(topic: Topic, snapshot: Snapshot) -> RowArray:
        pool = pool_of(topic, snapshot, options)
        return pool.rows[pool.order][:DEPTH]

    return System(name, rank)


def pool_of(topic: Topic, snapshot: Snapshot, options: Mapping[str, Any]) -> Pool:
    """The engine's whole pool for a topic in its final order."""
    query, person = _query(topic, snapshot)
    return ranked(snapshot, query.model_copy(update=options), person=person)


def _query(topic: Topic, snapshot: Snapshot) -> tuple[Asked, Person | None]:
    """What a topic asks, and by whom: somebody with a taste is asked for as a user is."""
    if topic.text and not len(topic.liked):
        return queries.SearchQuery(q=topic.text), None
    if topic.similar:
        item_id = snapshot.bundle.ids.id_of(int(topic.liked[0]))
        return queries.SimilarQuery(item_id=item_id), None
    return queries.UserQuery(user=topic.user, text=topic.text), person_in(topic)


def person_in(topic: Topic) -> Person:
    """Who asks a topic: all that they were seen to rate, what they like behind the rest."""
    return Person(
        np.concatenate([topic.others, topic.liked]),
        np.concatenate([topic.other_ratings, topic.ratings]),
    )


def search_engines(profiles: Mapping[str, Profile]) -> list[System]:
    """Similarity alone over the deepest pool, every profile, and profiles with a part taken out.

    Taken out are titles, and ratings, where a profile weighs them beside each other. Profiles of
    a taste are left out: a search by text has none.
    """
    alone = _only("similarity")
    found = [engine("similarity alone", n_candidates=MAX_CANDIDATES, n_popular=0, weights=alone)]
    for name, profile in profiles.items():
        weighed = {feature for feature, weight in profile.weights.items() if weight}
        if weighs(profile.weights, Source.LIKES):
            continue
        found.append(engine(f"profile {name}", profile=name))
        titles = dict.fromkeys(weighed & set(features_from(Source.TITLES)), 0.0)
        ratings = dict.fromkeys(weighed & set(features_from(Source.RATINGS)), 0.0)
        if titles and ratings:
            without = partial(engine, profile=name)
            found.append(without(f"profile {name} without titles", weights=titles))
            found.append(without(f"profile {name} without ratings", weights=ratings, n_popular=0))
    return found


def taste_engines(profiles: Iterable[str], *, similar: bool) -> list[System]:
    """One feature alone, these profiles, the bundle's own."""
    return [
        engine(TEXT_ALONE, n_candidates=MAX_CANDIDATES, weights=_only("similarity")),
        engine(NEIGHBOURS_ALONE, weights=_only(LEADING[similar])),
        *(engine(f"profile {name}", profile=name) for name in profiles),
        engine(OURS),
    ]


def similar_engines(bundle: Bundle) -> list[System]:
    """The parts of what items like another are ordered by, each alone, and the bundle's own."""
    alone = {
        TEXT_ALONE: SIMILARITY,
        NEIGHBOURS_ALONE: LEADING[True],
        "words alone": WORDS_FEATURE,
    }
    there = available_features(bundle, taste=True, text=False, item=True)
    parts = {name: feature for name, feature in alone.items() if feature in there}
    return [
        *(
            engine(name, n_candidates=MAX_CANDIDATES, weights=_only(feature))
            for name, feature in parts.items()
        ),
        engine(OURS),
    ]


def steered_engines() -> list[System]:
    """What a text beside a taste is compared with, and the bundle's own."""
    return [
        System(CARRIERS, _popular_carriers),
        System(TEXT_ALONE, lambda topic, snapshot: _alone(topic, snapshot, liked=False)),
        System("taste alone", lambda topic, snapshot: _alone(topic, snapshot, liked=True)),
        engine(OURS),
    ]


def _popular_carriers(topic: Topic, snapshot: Snapshot) -> RowArray:
    popularity = snapshot.bundle.items.popularity
    assert popularity is not None
    scores = np.full(snapshot.bundle.n_items, -np.inf)
    scores[topic.carriers] = popularity.popularity_score[topic.carriers]
    return best_unseen(scores, topic)


def _alone(topic: Topic, snapshot: Snapshot, *, liked: bool) -> RowArray:
    """The list for the likes or for the text of a topic that has both."""
    part = replace(topic, text="") if liked else replace(topic, liked=topic.liked[:0])
    pool = pool_of(part, snapshot, {})
    rows = pool.rows[pool.order]
    return rows[~np.isin(rows, topic.seen)][:DEPTH]


def _only(wanted: str) -> dict[str, float]:
    return {feature: float(feature == wanted) for feature in FEATURES}
