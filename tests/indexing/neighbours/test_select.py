"""What a build learns of a catalogue's own ratings: settings of neighbours, weights of tastes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from indexing.neighbours.ease import Ease
from indexing.neighbours.held_out import hold_out
from indexing.neighbours.learn import Settings
from indexing.neighbours.select import REGULARISATIONS, select
from indexing.neighbours.spectrum import Spectrum
from shortlist.bundle.profiles import RELATED_PROFILE

N_USERS, N_ITEMS, N_CIRCLES = 400, 80, 4


def unit(n_items: int, seed: int = 3) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n_items, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def circles(*, n_each: int, noise: float, seed: int = 1) -> pd.DataFrame:
    """Everybody is of one of four circles and rates its items 5, now and then another one 1."""
    rng = np.random.default_rng(seed)
    parts = []
    for user in range(N_USERS):
        own = np.flatnonzero(np.arange(N_ITEMS) % N_CIRCLES == user % N_CIRCLES)
        liked = rng.permutation(own)[:n_each]
        other = rng.permutation(N_ITEMS)[: rng.binomial(n_each, noise)]
        rows = np.concatenate([liked, np.setdiff1d(other, own)])
        values = np.where(np.isin(rows, own), 5.0, 1.0)
        order = rng.permutation(len(rows))
        parts.append(pd.DataFrame({"row": rows[order], "user": f"{user}", "value": values[order]}))
    return pd.concat(parts, ignore_index=True)


def test_what_is_asked_of_users_is_what_they_like_later_and_nothing_of_it_is_known() -> None:
    ratings = circles(n_each=10, noise=0.3)
    folds = hold_out(ratings, liked_from=4.0)
    assert len(folds) == 3
    for fold in folds:
        assert fold.wanted.shape[0] == fold.given.likes.shape[0]
        assert np.all(fold.wanted.sum(axis=1) >= 1)
        given = fold.given.likes + fold.given.others
        assert given.multiply(fold.wanted).nnz == 0
        n_others = fold.known.likes.nnz + fold.known.others.nnz
        assert n_others + given.nnz + fold.wanted.nnz <= len(ratings)
        assert fold.known.likes.shape[0] == N_USERS - N_USERS // 5


def test_the_measures_of_a_fold_are_those_of_any_evaluation() -> None:
    (fold, *_) = hold_out(circles(n_each=10, noise=0.3), liked_from=4.0)
    perfect = np.asarray(fold.wanted.todense(), dtype=np.float32)
    ndcg, recall = fold.values(perfect.copy())
    assert np.allclose(ndcg, 1.0)
    assert np.allclose(recall, 1.0)
    first = fold.wanted.indices[fold.wanted.indptr[:-1]]
    last = np.full(perfect.shape, 0.0, np.float32)
    last[np.arange(len(last)), first] = -1.0  # what is wanted stands last
    assert fold.values(last)[1].mean() < 1


@pytest.mark.parametrize("shape", [(12, 30), (40, 9)])
@pytest.mark.parametrize("unliked", [0.0, 0.3])
def test_a_spectrum_predicts_what_ease_does(shape: tuple[int, int], unliked: float) -> None:
    rng = np.random.default_rng(5)
    dense = np.where(rng.random(shape) < 0.3, np.where(rng.random(shape) < 0.7, 1.0, unliked), 0.0)
    interactions = sparse.csr_matrix(dense.astype(np.float32))
    interactions.eliminate_zeros()
    spectrum = Spectrum(interactions)
    for strength in (3.0, 100.0):
        weights = np.concatenate(list(Ease(interactions, regularisation=strength).blocks()))
        found = np.concatenate(list(spectrum.blocks(strength, rows=4)))
        np.testing.assert_allclose(found, weights, atol=2e-4)
        given = interactions[:5]
        np.testing.assert_allclose(spectrum.scores(given, strength), given @ weights, atol=1e-3)


def test_it_is_the_same_each_time() -> None:
    ratings = circles(n_each=8, noise=0.5)
    first, second = (select(ratings, unit(N_ITEMS), liked_from=4.0) for _ in range(2))
    assert first == second
    shuffled = ratings.sample(frac=1, random_state=1).sort_values("user", kind="stable")
    assert select(shuffled, unit(N_ITEMS), liked_from=4.0).told["learnt_from_users"] > 200


@pytest.mark.parametrize(("n_each", "noise"), [(3, 0.0), (12, 0.9)])
def test_the_regularisation_is_the_one_by_which_ease_finds_most(n_each: int, noise: float) -> None:
    ratings = circles(n_each=n_each, noise=noise)
    found = select(ratings, unit(N_ITEMS), liked_from=4.0, fixed={"unliked": 0.0})

    def score(strength: float) -> float:
        values = []
        for fold in hold_out(ratings, liked_from=4.0):
            weights = np.concatenate([*Ease(fold.known.likes, regularisation=strength).blocks()])
            values.append(np.mean(fold.values(fold.given.likes @ weights), axis=0))
        return float(np.concatenate(values).mean())

    scores = {strength: score(strength) for strength in REGULARISATIONS}
    assert scores[found.settings.regularisation] >= max(scores.values()) - 1e-4
    assert max(scores.values()) > min(scores.values()) + 1e-3


def test_ratings_below_a_like_count_where_they_say_what_is_liked_next() -> None:
    """Here everybody rates within the circle, half of it low."""
    rng = np.random.default_rng(4)
    ratings = circles(n_each=12, noise=0.0)
    ratings["value"] = np.where(rng.random(len(ratings)) < 0.7, 2.0, 5.0)
    assert select(ratings, unit(N_ITEMS), liked_from=4.0).settings.unliked > 0


def test_similarity_weighs_where_it_says_what_is_liked() -> None:
    ratings = circles(n_each=5, noise=0.6)
    centres = unit(N_CIRCLES, seed=9)
    telling = centres[np.arange(N_ITEMS) % N_CIRCLES]
    by_text = select(ratings, telling, liked_from=4.0)
    by_chance = select(ratings, unit(N_ITEMS), liked_from=4.0)
    assert by_text.told["taste_learnt"] >= by_text.told["taste_usual"]
    weights = [one.profiles["taste"].weights.get("similarity", 0.0) for one in (by_text, by_chance)]
    assert weights[0] >= weights[1]
    least = RELATED_PROFILE.weights["similarity"]
    for one in (by_text, by_chance):
        assert one.profiles["related"].weights["similarity"] >= least


def test_what_is_set_by_hand_stays() -> None:
    ratings = circles(n_each=8, noise=0.5)
    fixed = {"regularisation": 42.0, "unliked": 1.0, "per_item": 17}
    found = select(ratings, unit(N_ITEMS), liked_from=4.0, fixed=fixed)
    assert found.settings == Settings(regularisation=42.0, unliked=1.0, per_item=17)
    only = select(ratings, unit(N_ITEMS), liked_from=4.0, fixed={"regularisation": 42.0})
    assert only.settings.regularisation == 42.0


def test_of_too_few_users_nothing_is_learnt() -> None:
    ratings = circles(n_each=8, noise=0.2)
    few = ratings[ratings["user"].astype(int) < 60]
    found = select(few, unit(N_ITEMS), liked_from=4.0)
    assert found.settings == Settings()
    assert (found.profiles, found.told) == ({}, {"learnt_from_users": 0})
    assert select(ratings[:0], unit(N_ITEMS), liked_from=4.0).profiles == {}
