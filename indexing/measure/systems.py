"""What answers topics: the engine with each profile, and what it is compared with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import bm25s
import numpy as np
from scipy import sparse

from indexing.measure.item_knn import item_knn
from indexing.measure.topic import SEED, Topic
from indexing.neighbours.ease import Ease
from indexing.neighbours.likes import Likes
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

REGULARISATION = 100.0
KNN_NEIGHBOURS = 200

OURS = "the bundle's profile"
CARRIERS, TEXT_ALONE = "popularity among the carriers", "text alone"
NEIGHBOURS_ALONE = "neighbours alone"
REFERENCES = ("random", "popularity", "text alone", "implicit ItemKNN", "implicit ALS", "EASE")
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


def _random(topic: Topic, snapshot: Snapshot) -> RowArray:
    """A seeded draw of rows, the same one for the same topic."""
    n_items = snapshot.bundle.n_items
    if topic.text:
        return np.random.default_rng([SEED, *topic.id.encode()]).permutation(n_items)[:DEPTH]
    rng = np.random.default_rng([SEED, *topic.user.encode(), *topic.liked.tolist()])
    return best_unseen(rng.random(n_items), topic)


def _popular(topic: Topic, snapshot: Snapshot) -> RowArray:
    popularity = snapshot.bundle.items.popularity
    assert popularity is not None
    return best_unseen(popularity.popularity_score, topic)


RANDOM, POPULARITY = System("random", _random), System("popularity", _popular)


def bm25(documents: Sequence[list[str]], topics: Sequence[Topic]) -> System:
    """BM25 over a catalogue's documents as `words_of` parts them (bm25s, its defaults).

    A topic's changed documents stand in for those they replace; they were counted when word
    frequencies were, which changes the weight of a word by less than a hundredth. Rows without
    any word of the query are left out.
    """
    changed = [text for topic in topics for text in topic.overlay.documents]
    ends = len(documents) + np.cumsum([len(topic.overlay.rows) for topic in topics])
    end_of = {topic.id: end for topic, end in zip(topics, ends.tolist(), strict=True)}
    index = bm25s.BM25()
    index.index([*documents, *words_of(changed)], show_progress=False)

    def rank(topic: Topic, snapshot: Snapshot) -> RowArray:
        (words,) = words_of([topic.text])
        if not words:
            return np.empty(0, np.int64)
        scores = index.get_scores(words)
        own = scores[: snapshot.bundle.n_items].copy()
        end, rows = end_of[topic.id], topic.overlay.rows
        own[rows] = scores[end - len(rows) : end]
        return best_unseen(np.where(own > 0, own, -np.inf), topic)

    return System("BM25", rank)


def words_of(texts: Sequence[str]) -> list[list[str]]:
    """The words of each text."""
    options = {"stopwords": None, "return_ids": False, "show_progress": False}
    return list(bm25s.tokenize(list(texts), **options))


def references(likes: Likes, ease: Ease | None) -> list[System]:
    """What is learnt from likes to be compared with: cosine of 200 neighbours, ALS, EASE."""
    knn = item_knn(likes.matrix, n_neighbours=KNN_NEIGHBOURS)
    found = [
        _over_likes("implicit ItemKNN", likes, partial(_sums, knn)),
        _over_likes("implicit ALS", likes, _als(likes.matrix)),
    ]
    if ease is not None:
        found.append(_over_likes("EASE", likes, ease.sums))
    return found


def _over_likes(name: str, likes: Likes, score: Callable[[RowArray], Any]) -> System:
    """A system from what scores all liked items for the columns (int64) of a topic's likes."""

    def rank(topic: Topic, snapshot: Snapshot) -> RowArray:
        column_of = np.full(snapshot.bundle.n_items, -1)
        column_of[likes.rows] = np.arange(len(likes.rows))
        columns = column_of[topic.liked]
        scores = np.full(snapshot.bundle.n_items, -np.inf)
        scores[likes.rows] = score(columns[columns >= 0])
        return best_unseen(scores, topic)

    return System(name, rank)


def _sums(weights: Any, columns: RowArray) -> np.ndarray:
    """The sums over these rows of a matrix of one score for each pair of items."""
    return np.asarray(weights[columns].sum(axis=0)).ravel()


def _als(matrix: sparse.csr_matrix) -> Callable[[RowArray], np.ndarray]:
    """Implicit's alternating least squares: 64 factors, α = 10, regularisation 0.05.

    A user's factors from their likes; from a single item, the cosine of the factors.
    """
    from implicit.als import AlternatingLeastSquares

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AlternatingLeastSquares(
            factors=64, regularization=0.05, alpha=10.0, iterations=15, random_state=1,
            num_threads=1, use_gpu=False,
        )  # fmt: skip
        model.fit(matrix, show_progress=False)
    factors = np.asarray(model.item_factors)
    units = factors / np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-9)

    def score(columns: RowArray) -> np.ndarray:
        if len(columns) == 1:
            return np.asarray(units @ units[columns[0]])
        entries = (np.ones(len(columns), np.float32), (np.zeros(len(columns)), columns))
        user = sparse.csr_matrix(entries, shape=(1, len(factors)))
        return np.asarray(factors @ np.asarray(model.recalculate_user(0, user)).ravel())

    return score


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
