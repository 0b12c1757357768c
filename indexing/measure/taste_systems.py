"""What answers questions of taste: the engine with its profiles, and what it is compared with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from indexing.measure.others import Without
from indexing.measure.systems import RANDOM_SEED
from indexing.measure.tastes import TasteTopic
from indexing.measure.topics import RowArray
from indexing.neighbours.ease import ease_blocks
from shortlist.bundle.manifest import FEATURES
from shortlist.encoder.machine import available_cores
from shortlist.engine import (
    MAX_CANDIDATES,
    MAX_LIKED,
    Filter,
    Ranked,
    RecommendQuery,
    SimilarQuery,
    ranked,
)
from shortlist.engine.snapshot import Snapshot

DEPTH = 50
REGULARISATION = 100.0
KNN_NEIGHBOURS = 200

Ranker = Callable[[TasteTopic], RowArray]


class TasteSystem(Protocol):
    """Something that ranks items for a taste once it has learnt from other users."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        ...

    def prepare(self, learnt: Without) -> Ranker:
        """What ranks: up to 50 rows int64 for a topic, best first, none of them seen."""
        ...


@dataclass(frozen=True)
class RandomTaste:
    """Any order, the same one for the same topic."""

    name: str = "random"

    def prepare(self, learnt: Without) -> Ranker:
        """A seeded draw of rows."""
        n_items = learnt.snapshot.bundle.n_items

        def rank(topic: TasteTopic) -> RowArray:
            rng = np.random.default_rng([RANDOM_SEED, *topic.user.encode(), *topic.liked.tolist()])
            return best_unseen(rng.random(n_items), topic)

        return rank


@dataclass(frozen=True)
class PopularTaste:
    """The most popular items that are not seen."""

    name: str = "popularity"

    def prepare(self, learnt: Without) -> Ranker:
        """The same scores for every topic."""
        popularity = learnt.snapshot.bundle.items.popularity
        assert popularity is not None
        scores = popularity.popularity_score
        return lambda topic: best_unseen(scores, topic)


@dataclass(frozen=True)
class Linear:
    """A reference with one score for each pair of items: a topic's are the sums over its likes."""

    name: str
    learn: Callable[[sparse.csr_matrix], sparse.csr_matrix | npt.NDArray[np.float32]]

    def prepare(self, learnt: Without) -> Ranker:
        """Sums over the rows of the learnt matrix."""
        likes, n_items = learnt.likes, learnt.snapshot.bundle.n_items
        weights = self.learn(likes.matrix)
        column_of = np.full(n_items, -1)
        column_of[likes.rows] = np.arange(len(likes.rows))

        def rank(topic: TasteTopic) -> RowArray:
            columns = column_of[topic.liked]
            sums = np.asarray(weights[columns[columns >= 0]].sum(axis=0)).ravel()
            scores = np.full(n_items, -np.inf)
            scores[likes.rows] = sums
            return best_unseen(scores, topic)

        return rank


def item_knn(likes: sparse.csr_matrix) -> sparse.csr_matrix:
    """Implicit's item-item cosine of 200 neighbours."""
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=KNN_NEIGHBOURS + 1, num_threads=available_cores())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(likes.astype(np.float64), show_progress=False)
    similarity = model.similarity.tocsr()
    similarity.setdiag(0.0)
    return similarity


def whole_ease(likes: sparse.csr_matrix) -> npt.NDArray[np.float32]:
    """EASE's whole matrix, nothing left out of it; λ = 100."""
    return np.concatenate(list(ease_blocks(likes, regularisation=REGULARISATION)))


@dataclass(frozen=True)
class Als:
    """Implicit's alternating least squares: 64 factors, α = 10, regularisation 0.05."""

    name: str = "implicit ALS"

    def prepare(self, learnt: Without) -> Ranker:
        """A user's factors from their likes; from a single item, the cosine of the factors."""
        from implicit.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        likes, n_items = learnt.likes, learnt.snapshot.bundle.n_items
        with warnings.catch_warnings(), threadpool_limits(1, "blas"):
            warnings.simplefilter("ignore")
            model = AlternatingLeastSquares(
                factors=64, regularization=0.05, alpha=10.0, iterations=15, random_state=1,
                num_threads=available_cores(), use_gpu=False,
            )  # fmt: skip
            model.fit(likes.matrix, show_progress=False)
        factors = np.asarray(model.item_factors)
        units = factors / np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-9)
        column_of = np.full(n_items, -1)
        column_of[likes.rows] = np.arange(len(likes.rows))

        def rank(topic: TasteTopic) -> RowArray:
            columns = column_of[topic.liked]
            columns = columns[columns >= 0]
            scores = np.full(n_items, -np.inf)
            if len(columns) == 1:
                scores[likes.rows] = units @ units[columns[0]]
            else:
                entries = (np.ones(len(columns), np.float32), (np.zeros(len(columns)), columns))
                user = sparse.csr_matrix(entries, shape=(1, len(likes.rows)))
                scores[likes.rows] = factors @ np.asarray(model.recalculate_user(0, user)).ravel()
            return best_unseen(scores, topic)

        return rank


@dataclass(frozen=True)
class TasteEngine:
    """The engine that serves, asked for similar items or for recommendations.

    `profile` None asks for what the bundle answers with; `weights` replace the profile's.
    """

    name: str
    profile: str | None
    weights: Mapping[str, float]
    n_candidates: int | None = None
    similar: bool = False

    def prepare(self, learnt: Without) -> Ranker:
        """Queries as a client would send them, what is seen excluded by a filter."""
        pools = self.pools(learnt)

        def rank(topic: TasteTopic) -> RowArray:
            found = pools(topic)
            return found.pool.rows[found.order][:DEPTH]

        return rank

    def pools(self, learnt: Without) -> Callable[[TasteTopic], Ranked]:
        """What asks the engine, for whole pools."""
        snapshot = learnt.snapshot
        return lambda topic: ranked(snapshot, self._query(snapshot, topic))

    def _query(self, snapshot: Snapshot, topic: TasteTopic) -> SimilarQuery | RecommendQuery:
        id_of = snapshot.bundle.ids.id_of
        given = topic.liked[-MAX_LIKED:]
        liked = tuple(id_of(row) for row in given.tolist())
        query: SimilarQuery | RecommendQuery
        if self.similar:
            query = SimilarQuery(liked[0])
        else:
            seen = np.setdiff1d(topic.seen, given).tolist()
            rated = zip(liked, topic.ratings[-MAX_LIKED:].tolist(), strict=True)
            exclude = Filter(exclude=tuple(id_of(row) for row in seen))
            query = RecommendQuery(liked, ratings=dict(rated), filter=exclude)
        return replace(
            query, profile=self.profile, weights=self.weights, n_candidates=self.n_candidates
        )


def best_unseen(scores: npt.NDArray[np.float64], topic: TasteTopic) -> RowArray:
    """The 50 rows of the largest finite scores that are not seen, ties in rising row order."""
    scores = scores.astype(np.float64)
    scores[topic.seen] = -np.inf
    order: RowArray = np.argsort(-scores, kind="stable")[:DEPTH]
    found: RowArray = order[np.isfinite(scores[order])]
    return found


def taste_systems(
    profiles: Iterable[str], *, similar: bool, affords_ease: bool
) -> list[TasteSystem]:
    """References, then the engine: one feature alone, these profiles, the bundle's own."""
    return [
        RandomTaste(),
        PopularTaste(),
        Linear("implicit ItemKNN", item_knn),
        Als(),
        *([Linear("EASE", whole_ease)] if affords_ease else []),
        TasteEngine("text alone", None, _only("similarity"), MAX_CANDIDATES, similar=similar),
        TasteEngine("neighbours alone", None, _only(LEADING[similar]), similar=similar),
        *(TasteEngine(f"profile {name}", name, {}, similar=similar) for name in profiles),
        TasteEngine(OURS, None, {}, similar=similar),
    ]


def _only(wanted: str) -> dict[str, float]:
    return {feature: float(feature == wanted) for feature in FEATURES}


LEADING = {True: "co_liked", False: "collaborative"}
"""The feature that carries most, of similar items and of recommendations."""

OURS = "the bundle's profile"
REFERENCES = ("random", "popularity", "text alone", "implicit ItemKNN", "implicit ALS", "EASE")
