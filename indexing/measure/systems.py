"""The rows of an evaluation: the engine with each profile, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol as Contract

import bm25s
import numpy as np

from indexing.measure.topics import RowArray, Topic
from shortlist.bundle.manifest import (
    FEATURES,
    RATING_FEATURES,
    TASTE_FEATURES,
    TITLE_FEATURES,
    Profile,
)
from shortlist.engine import MAX_CANDIDATES, SearchQuery, ranked
from shortlist.engine.snapshot import Snapshot

DEPTH = 1000
"""How far rankings are looked at."""

RANDOM_SEED = 20261124


class System(Contract):
    """Something that orders a catalogue's rows for a topic."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        ...

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:
        """Up to 1,000 rows int64, best first. `snapshot` has the topic's overlay applied."""
        ...


@dataclass(frozen=True)
class RandomOrder:
    """Any order, the same one for the same topic."""

    name: str = "random"

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:
        """A seeded draw of rows."""
        seed = [RANDOM_SEED, *topic.id.encode()]
        return np.random.default_rng(seed).permutation(snapshot.bundle.n_items)[:DEPTH]


class PopularityOrder:
    """The most popular items, whatever was asked."""

    name = "popularity"

    def __init__(self, snapshot: Snapshot) -> None:
        popularity = snapshot.bundle.items.popularity
        scores = np.zeros(0) if popularity is None else popularity.popularity_score
        self._rows = np.argsort(-scores, kind="stable")[:DEPTH]

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:  # noqa: ARG002  # the contract's
        """The same rows for every topic."""
        return self._rows


class Bm25:
    """BM25 over the documents, words as they stand (bm25s, its default parameters).

    A topic's changed documents stand in for those they replace; they were counted when word
    frequencies were, which changes the weight of a word by less than a hundredth.
    """

    name = "BM25"

    def __init__(self, documents: Sequence[str], topics: Sequence[Topic]) -> None:
        self._n_items = len(documents)
        self._begin: dict[str, int] = {}
        texts = list(documents)
        for topic in topics:
            self._begin[topic.id] = len(texts)
            texts.extend(topic.overlay.documents)
        self._index = bm25s.BM25()
        self._index.index(_tokens(texts), show_progress=False)

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:  # noqa: ARG002  # the contract's
        """Rows by BM25, those without any word of the query left out."""
        (words,) = _tokens([topic.text])
        if not words:
            return np.empty(0, np.int64)
        scores = self._index.get_scores(words)
        own = scores[: self._n_items].copy()
        rows, begin = topic.overlay.rows, self._begin[topic.id]
        own[rows] = scores[begin : begin + len(rows)]
        order: RowArray = np.argsort(-own, kind="stable")[:DEPTH]
        found: RowArray = order[own[order] > 0]
        return found


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    tokens: list[list[str]] = bm25s.tokenize(
        list(texts), stopwords=None, return_ids=False, show_progress=False
    )
    return tokens


@dataclass(frozen=True)
class Engine:
    """The engine that serves, with a profile or with other weights."""

    name: str
    query: SearchQuery

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:
        """The whole pool in its final order."""
        found = ranked(snapshot, replace(self.query, text=topic.text))
        return found.pool.rows[found.order][:DEPTH]


def engine_systems(profiles: Mapping[str, Profile]) -> list[Engine]:
    """Similarity alone over the deepest pool, every profile, and profiles with a part taken out.

    Profiles of a taste are left out: a search by text has none.
    """
    alone = {feature: float(feature == "similarity") for feature in FEATURES}
    similarity = SearchQuery("", n_candidates=MAX_CANDIDATES, n_popular=0, weights=alone)
    return [
        Engine("similarity alone", similarity),
        *(
            system
            for name, profile in profiles.items()
            if not any(profile.weights.get(feature) for feature in TASTE_FEATURES)
            for system in (
                Engine(f"profile {name}", SearchQuery("", profile=name)),
                *_ablations(name, profile),
            )
        ),
    ]


def _ablations(name: str, profile: Profile) -> list[Engine]:
    """The profile without titles and without ratings, where it weighs them beside each other."""
    parts = {"titles": TITLE_FEATURES, "ratings": RATING_FEATURES}
    weighed = {
        part: [feature for feature in features if profile.weights.get(feature)]
        for part, features in parts.items()
    }
    if not all(weighed.values()):
        return []
    without = {part: dict.fromkeys(features, 0.0) for part, features in weighed.items()}
    titles = SearchQuery("", profile=name, weights=without["titles"])
    ratings = SearchQuery("", profile=name, n_popular=0, weights=without["ratings"])
    return [
        Engine(f"profile {name} without titles", titles),
        Engine(f"profile {name} without ratings", ratings),
    ]
