"""The weights of a taste's features, learnt on what users go on to like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from indexing.features import rating_volume
from indexing.neighbours.co_liked import co_liked
from indexing.neighbours.held_out import HeldOut
from indexing.neighbours.learn import CO_LIKED_PER_ITEM, Settings
from indexing.neighbours.spectrum import Spectrum
from shortlist.bundle.arrays import FloatArray, Vectors
from shortlist.bundle.profiles import RELATED_PROFILE, TASTE_PROFILE, Profile
from shortlist.bundle.vectors import AnyVectors

BLENDED = (TASTE, RELATED) = ("taste", "related")
"""The profiles that are learnt here."""

GRIDS = {
    "similarity": (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8),
    "co_liked": (0.0, 0.1, 0.25, 0.5, 1.0),
    "collaborative": (0.0, 0.1, 0.25, 0.5, 1.0),
    "rating_volume": (0.0, 0.05, 0.1, 0.2, 0.4),
}
"""What is tried of each weight; that of the leading feature stays 1."""

LEAST_GAIN = 0.002
"""What another weight has to bring, of the mean of nDCG@10 and Recall@20."""

N_PASSES = 2
N_CANDIDATES = 500
_FIRST = {"collaborative": 1.0, "co_liked": 1.0, "similarity": 0.2, "rating_volume": 0.1}


@dataclass(frozen=True)
class Asked:
    """Candidates of some questions: their features and which are wanted.

    `features` float32 [q, c] by name, `wanted` bool [q, c], `n_wanted` int64 [q].
    """

    features: Mapping[str, Vectors]
    wanted: np.ndarray
    n_wanted: np.ndarray

    def score(self, weights: Mapping[str, float]) -> FloatArray:
        """The mean of nDCG@10 and Recall@20 of each question, [q]."""
        weighed = [weights.get(name, 0.0) * each for name, each in self.features.items()]
        best = np.argsort(-np.sum(weighed, axis=0), axis=1, kind="stable")[:, :20]
        hits = np.take_along_axis(self.wanted, best, axis=1)
        discounts = 1.0 / np.log2(np.arange(2, 12))
        ideal = np.cumsum(discounts)[np.minimum(self.n_wanted, 10) - 1]
        gained = hits[:, :10] @ discounts[: hits[:, :10].shape[1]] / ideal
        return np.asarray((gained + hits.sum(axis=1) / self.n_wanted) / 2)


def blend(
    folds: Sequence[HeldOut], spectra: Sequence[Spectrum], settings: Settings, vectors: AnyVectors
) -> tuple[dict[str, Profile], dict[str, float]]:
    """The profiles of tastes and of similar items, and their scores before and after.

    What similar items are about is not for likes to judge: similarity does not fall there.
    """
    parts = [_Fold(fold, one, settings, vectors) for fold, one in zip(folds, spectra, strict=True)]
    profiles, scores = {}, {}
    tastes, singles = (
        [part.tastes() for part in parts],
        [one for part in parts for one in part.singles()],
    )
    for name, usual, leading, asked in (
        (TASTE, TASTE_PROFILE, "collaborative", tastes),
        (RELATED, RELATED_PROFILE, "co_liked", singles),
    ):
        least = usual.weights["similarity"] if name == RELATED else 0.0
        grids = {**GRIDS, "similarity": tuple(w for w in GRIDS["similarity"] if w >= least)}
        del grids[leading]
        profiles[name] = _ascend(asked, usual, grids)
        for when, profile in (("usual", usual), ("learnt", profiles[name])):
            scores[f"{name}_{when}"] = round(_mean(asked, profile.weights), 4)
    return profiles, scores


def _ascend(
    asked: Sequence[Asked], usual: Profile, grids: Mapping[str, Sequence[float]]
) -> Profile:
    """The profile with each weight in turn put where the score is highest."""
    weights = dict(usual.weights)
    best = _mean(asked, weights)
    for name, grid in [*grids.items()] * N_PASSES:
        for weight in grid:
            score = _mean(asked, tried := {**weights, name: weight})
            if score > best + LEAST_GAIN:
                best, weights = score, tried
    return usual.model_copy(update={"weights": {n: w for n, w in weights.items() if w}})


def _mean(asked: Sequence[Asked], weights: Mapping[str, float]) -> float:
    return float(np.concatenate([each.score(weights) for each in asked]).mean())


class _Fold:
    """The questions of one fold, with what all of them need."""

    def __init__(
        self, fold: HeldOut, spectrum: Spectrum, settings: Settings, vectors: AnyVectors
    ) -> None:
        self._fold, self._spectrum, self._settings = fold, spectrum, settings
        known, per_item = fold.known, CO_LIKED_PER_ITEM
        together = co_liked(known.likes, per_item=per_item, on_progress=int)
        self._together = sparse.vstack(list(together), format="csr")
        self._vectors = np.asarray(vectors[fold.rows], dtype=np.float32)
        self._volume = rating_volume((known.likes + known.others).getnnz(axis=0).astype(np.int32))

    def tastes(self) -> Asked:
        """All that users rated earlier, and what they like of the rest."""
        given = self._fold.given
        seen = (given.likes + given.others).tocsr()
        interactions = given.interactions(self._settings.unliked)
        return self._asked(interactions, given.likes, seen, self._fold.wanted)

    def singles(self) -> Iterator[Asked]:
        """The first and the last of each user's earlier likes alone, and all their other likes."""
        given = self._fold.given.likes
        likes = (given + self._fold.wanted).tocsr()
        for places in (given.indptr[:-1], given.indptr[1:] - 1):
            ones = np.ones(len(places), np.float32)
            entries = (ones, (np.arange(len(places)), given.indices[places]))
            seed = sparse.csr_matrix(entries, shape=given.shape)
            wanted = (likes - seed).tocsr()
            wanted.eliminate_zeros()
            yield self._asked(seed, seed, seed, wanted)

    def _asked(
        self,
        given: sparse.csr_matrix,
        likes: sparse.csr_matrix,
        seen: sparse.csr_matrix,
        wanted: sparse.csr_matrix,
    ) -> Asked:
        """The best candidates by weights that are near the shipped ones."""
        features = self._features(given, likes, seen)
        first = np.sum([_FIRST[name] * each for name, each in features.items()], axis=0)
        first[seen.nonzero()] = -np.inf
        n_kept = min(N_CANDIDATES, first.shape[1])
        kept = np.sort(np.argpartition(-first, n_kept - 1, axis=1)[:, :n_kept], axis=1)
        return Asked(
            {
                name: np.take_along_axis(each, kept, axis=1).astype(np.float32)
                for name, each in features.items()
            },
            np.take_along_axis(wanted.toarray() > 0, kept, axis=1),
            wanted.getnnz(axis=1).astype(np.int64),
        )

    def _features(
        self, given: sparse.csr_matrix, likes: sparse.csr_matrix, seen: sparse.csr_matrix
    ) -> dict[str, Vectors]:
        """What the engine knows of every item, float32 [q, items] by name."""
        predicted = self._spectrum.scores(given, self._settings.regularisation)
        predicted[seen.nonzero()] = 0.0
        largest = np.maximum(predicted.max(axis=1, keepdims=True), 1e-9)
        mixed = np.asarray(likes @ self._vectors)
        mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)
        return {
            "collaborative": np.clip(predicted / largest, 0.0, 1.0),
            "co_liked": (likes @ self._together).toarray() / np.asarray(likes.sum(axis=1)),
            "similarity": mixed @ self._vectors.T,
            "rating_volume": np.broadcast_to(self._volume, predicted.shape),
        }
