"""What answers topics: the engine with each profile, and what it is compared with."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from typing import Protocol as Contract

import bm25s
import numpy as np
import numpy.typing as npt
from scipy import sparse

from indexing.measure.protocols.tastes import SIMILAR
from indexing.measure.topic import FloatArray, RowArray, Topic
from indexing.neighbours.cosine import cosine_neighbours
from indexing.neighbours.ease import ease_blocks
from indexing.neighbours.likes import Likes
from shortlist.bundle.manifest import (
    FEATURES,
    RATING_FEATURES,
    TASTE_FEATURES,
    TITLE_FEATURES,
    Profile,
)
from shortlist.engine import (
    MAX_CANDIDATES,
    MAX_LIKED,
    Filter,
    Ranked,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
    ranked,
)
from shortlist.engine.snapshot import Snapshot

DEPTH = 1000
"""How far rankings are looked at."""

RANDOM_SEED = 20261124
REGULARISATION = 100.0
KNN_NEIGHBOURS = 200

OURS = "the bundle's profile"
REFERENCES = ("random", "popularity", "text alone", "implicit ItemKNN", "implicit ALS", "EASE")
LEADING = {True: "co_liked", False: "collaborative"}
"""The feature that carries most, of similar items and of recommendations."""


class System(Contract):
    """Something that orders a catalogue's rows for a topic."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        ...

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:
        """Up to 1,000 rows int64, best first, none of them seen.

        `snapshot` has the topic's overlay applied, or has learnt from other users.
        """
        ...


@dataclass(frozen=True)
class Random:
    """Any order, the same one for the same topic."""

    name: str = "random"

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:
        """A seeded draw of rows."""
        n_items = snapshot.bundle.n_items
        if topic.text:
            rng = np.random.default_rng([RANDOM_SEED, *topic.id.encode()])
            return rng.permutation(n_items)[:DEPTH]
        rng = np.random.default_rng([RANDOM_SEED, *topic.user.encode(), *topic.liked.tolist()])
        return best_unseen(rng.random(n_items), topic)


@dataclass(frozen=True)
class Popularity:
    """The most popular items that are not seen."""

    name: str = "popularity"

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:
        """The same scores for every topic."""
        popularity = snapshot.bundle.items.popularity
        assert popularity is not None
        return best_unseen(popularity.popularity_score, topic)


def best_unseen(scores: FloatArray, topic: Topic) -> RowArray:
    """The rows of the largest finite scores that are not seen, ties in rising row order."""
    scores = scores.astype(np.float64)
    scores[topic.seen] = -np.inf
    n_left_out = max(0, len(scores) - DEPTH)
    rows = np.flatnonzero(scores >= np.partition(scores, n_left_out)[n_left_out])
    order: RowArray = rows[np.argsort(-scores[rows], kind="stable")][:DEPTH]
    found: RowArray = order[np.isfinite(scores[order])]
    return found


class Bm25:
    """BM25 over the documents, words as they stand (bm25s, its default parameters).

    A topic's changed documents stand in for those they replace; they were counted when word
    frequencies were, which changes the weight of a word by less than a hundredth. `documents`
    are those of the catalogue as `tokens` makes them.
    """

    name = "BM25"

    def __init__(self, documents: Sequence[list[str]], topics: Sequence[Topic]) -> None:
        self._n_items = len(documents)
        self._begin: dict[str, int] = {}
        changed: list[str] = []
        for topic in topics:
            self._begin[topic.id] = self._n_items + len(changed)
            changed.extend(topic.overlay.documents)
        self._index = bm25s.BM25()
        self._index.index([*documents, *tokens(changed)], show_progress=False)

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:  # noqa: ARG002  # the contract's
        """Rows by BM25, those without any word of the query left out."""
        (words,) = tokens([topic.text])
        if not words:
            return np.empty(0, np.int64)
        scores = self._index.get_scores(words)
        own = scores[: self._n_items].copy()
        rows, begin = topic.overlay.rows, self._begin[topic.id]
        own[rows] = scores[begin : begin + len(rows)]
        return best_unseen(np.where(own > 0, own, -np.inf), topic)


def tokens(texts: Sequence[str]) -> list[list[str]]:
    """The words of each text."""
    found: list[list[str]] = bm25s.tokenize(
        list(texts), stopwords=None, return_ids=False, show_progress=False
    )
    return found


@dataclass(frozen=True)
class Linear:
    """A reference with one score for each pair of items: a topic's are the sums over its likes.

    `weights` [m, m] are those of the items `rows` (int64 [m]).
    """

    name: str
    weights: sparse.csr_matrix | npt.NDArray[np.float32]
    rows: RowArray

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:
        """Sums over the rows of the learnt matrix."""
        columns = _columns(topic, self.rows, snapshot)
        sums = np.asarray(self.weights[columns].sum(axis=0)).ravel()
        return _best_of(sums, self.rows, topic, snapshot)


class Als:
    """Implicit's alternating least squares: 64 factors, α = 10, regularisation 0.05."""

    name = "implicit ALS"

    def __init__(self, likes: Likes) -> None:
        from implicit.als import AlternatingLeastSquares

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._model = AlternatingLeastSquares(
                factors=64, regularization=0.05, alpha=10.0, iterations=15, random_state=1,
                num_threads=1, use_gpu=False,
            )  # fmt: skip
            self._model.fit(likes.matrix, show_progress=False)
        self._rows = likes.rows
        self._factors = np.asarray(self._model.item_factors)
        lengths = np.linalg.norm(self._factors, axis=1, keepdims=True)
        self._units = self._factors / np.maximum(lengths, 1e-9)

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:
        """A user's factors from their likes; from a single item, the cosine of the factors."""
        columns = _columns(topic, self._rows, snapshot)
        if len(columns) == 1:
            scores = self._units @ self._units[columns[0]]
        else:
            entries = (np.ones(len(columns), np.float32), (np.zeros(len(columns)), columns))
            user = sparse.csr_matrix(entries, shape=(1, len(self._rows)))
            scores = self._factors @ np.asarray(self._model.recalculate_user(0, user)).ravel()
        return _best_of(scores, self._rows, topic, snapshot)


def references(likes: Likes, *, affords_ease: bool) -> list[System]:
    """What is learnt from likes to be compared with, for any topic of a taste."""
    matrix, rows = likes.matrix, likes.rows
    knn = Linear("implicit ItemKNN", cosine_neighbours(matrix, per_item=KNN_NEIGHBOURS), rows)
    if not affords_ease:
        return [knn, Als(likes)]
    whole = np.concatenate(list(ease_blocks(matrix, regularisation=REGULARISATION)))
    return [knn, Als(likes), Linear("EASE", whole, rows)]


def _columns(topic: Topic, rows: RowArray, snapshot: Snapshot) -> RowArray:
    """Where those of the liked items that something was learnt of stand among these rows."""
    column_of = np.full(snapshot.bundle.n_items, -1)
    column_of[rows] = np.arange(len(rows))
    columns = column_of[topic.liked]
    return columns[columns >= 0]


def _best_of(
    scores: npt.NDArray[np.floating[Any]], rows: RowArray, topic: Topic, snapshot: Snapshot
) -> RowArray:
    whole = np.full(snapshot.bundle.n_items, -np.inf)
    whole[rows] = scores
    return best_unseen(whole, topic)


@dataclass(frozen=True)
class Engine:
    """The engine that serves, asked as a client would ask it, with these options of a query."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def rank(self, topic: Topic, snapshot: Snapshot) -> RowArray:
        """The whole pool in its final order."""
        found = self.pool(topic, snapshot)
        return found.pool.rows[found.order][:DEPTH]

    def pool(self, topic: Topic, snapshot: Snapshot) -> Ranked:
        """The whole pool with its features."""
        return ranked(snapshot, replace(_query(topic, snapshot), **self.options))


def _query(topic: Topic, snapshot: Snapshot) -> SearchQuery | SimilarQuery | RecommendQuery:
    """What is seen and not liked is excluded by a filter."""
    if topic.text:
        return SearchQuery(topic.text)
    id_of = snapshot.bundle.ids.id_of
    given = topic.liked[-MAX_LIKED:]
    liked = tuple(id_of(row) for row in given.tolist())
    if topic.kind == SIMILAR:
        return SimilarQuery(liked[0])
    rated = zip(liked, topic.ratings[-MAX_LIKED:].tolist(), strict=True)
    seen = np.setdiff1d(topic.seen, given).tolist()
    exclude = Filter(exclude=tuple(id_of(row) for row in seen))
    return RecommendQuery(liked, ratings=dict(rated), filter=exclude)


def search_engines(profiles: Mapping[str, Profile]) -> list[Engine]:
    """Similarity alone over the deepest pool, every profile, and profiles with a part taken out.

    Profiles of a taste are left out: a search by text has none.
    """
    deepest = {"n_candidates": MAX_CANDIDATES, "n_popular": 0, "weights": _only("similarity")}
    return [
        Engine("similarity alone", deepest),
        *(
            system
            for name, profile in profiles.items()
            if not any(profile.weights.get(feature) for feature in TASTE_FEATURES)
            for system in (
                Engine(f"profile {name}", {"profile": name}),
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
    lanes = {"titles": {}, "ratings": {"n_popular": 0}}
    return [
        Engine(
            f"profile {name} without {part}",
            {"profile": name, "weights": without[part], **lanes[part]},
        )
        for part in parts
    ]


def taste_engines(profiles: Iterable[str], *, similar: bool) -> list[Engine]:
    """One feature alone, these profiles, the bundle's own."""
    deepest = {"n_candidates": MAX_CANDIDATES, "weights": _only("similarity")}
    return [
        Engine("text alone", deepest),
        Engine("neighbours alone", {"weights": _only(LEADING[similar])}),
        *(Engine(f"profile {name}", {"profile": name}) for name in profiles),
        Engine(OURS),
    ]


def _only(wanted: str) -> dict[str, float]:
    return {feature: float(feature == wanted) for feature in FEATURES}
