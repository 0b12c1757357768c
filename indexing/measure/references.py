"""What the engine is compared with: chance, popularity, BM25, other ways to learn from likes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import bm25s
import numpy as np
from scipy import sparse

from indexing.measure.item_knn import item_knn
from indexing.measure.systems import DEPTH, System, best_unseen
from indexing.measure.topic import SEED, Topic
from indexing.neighbours.ease import Ease
from indexing.neighbours.likes import Likes
from shortlist.bundle.arrays import RowArray
from shortlist.engine.snapshot import Snapshot

REGULARISATION = 100.0
KNN_NEIGHBOURS = 200

REFERENCES = ("random", "popularity", "text alone", "implicit ItemKNN", "implicit ALS", "EASE")


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
