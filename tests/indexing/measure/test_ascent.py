"""Learning where the best weight is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from indexing.measure import ascent
from indexing.measure.ascent import Lesson, ascend, learn, mean_weights, means_of
from indexing.measure.pools import Pools
from shortlist.bundle.profiles import Profile

SHARES = [{"MRR": 1.0}]


def two_features(right: list[float], wrong: list[float], *, n_topics: int = 30) -> Pools:
    """Topics of two candidates, the wrong one retrieved first, features by similarity, recency."""
    return Pools(
        names=("similarity", "recency"),
        features=np.array([wrong, right] * n_topics),
        place=np.array([0, 1] * n_topics),
        popular=np.full(2 * n_topics, 2**31),
        title=np.zeros(2 * n_topics, dtype=np.bool_),
        words=np.zeros(2 * n_topics, dtype=np.bool_),
        near=np.zeros(2 * n_topics, dtype=np.bool_),
        relevant=np.array([False, True] * n_topics),
        sizes=np.full(n_topics, 2),
        n_relevant=np.ones(n_topics, dtype=np.int64),
        units=np.arange(n_topics),
    )


def lesson(pools: Pools) -> Lesson:
    start = Profile(n_candidates=50, weights={"similarity": 1.0})
    before = means_of([pools], SHARES, start)
    return Lesson([pools], SHARES, before, start, {"recency": ascent.WEIGHTS})


def test_the_least_weight_that_turns_every_pair_is_learnt() -> None:
    # 0.5 + w · 0.9 > 0.8 + w · 0.1 from w > 0.375 on: of the grid 0.4
    learnt = learn(lesson(two_features([0.5, 0.9], [0.8, 0.1])), n_jobs=1)
    assert learnt.weights == {"similarity": 1.0, "recency": 0.4}


def test_a_weight_that_brings_nothing_stays_away() -> None:
    learnt = learn(lesson(two_features([0.9, 0.1], [0.8, 0.1])), n_jobs=1)
    assert learnt.weights == {"similarity": 1.0}


def test_a_depth_is_bought_only_for_what_it_brings() -> None:
    pools = two_features([0.9, 0.0], [0.8, 0.0])
    far = replace(pools, place=np.array([0, 120] * 30))
    grids = {"n_candidates": (50, 100, 200, 400)}
    assert learn(replace(lesson(far), grids=grids, cost=5e-6), n_jobs=1).n_candidates == 200
    assert learn(replace(lesson(pools), grids=grids, cost=5e-6), n_jobs=1).n_candidates == 50


def test_the_highest_price_that_costs_nothing_unseen_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []
    original = ascent._learn_from

    def noted(given: Lesson, drawn: list[np.ndarray], price: float) -> Profile:
        asked.append(price)
        return original(given, drawn, price)

    monkeypatch.setattr(ascent, "_learn_from", noted)
    pools = two_features([0.5, 0.9], [0.8, 0.1])
    # turning a pair takes 0.5 to 1 at a price of 0.4 · 0.1 at most, so no price is too high; one
    # of 10 leaves every pair as it is
    learn(replace(lesson(pools), prices=(0.0, 0.1, 10.0)), n_jobs=1)
    assert asked == [0.0] * 3 + [0.1] * 3 + [10.0] * 3 + [0.1] * 5


def test_any_number_of_processes_learns_alike() -> None:
    rng = np.random.default_rng(5)
    pools = two_features([0.5, 0.9], [0.8, 0.1], n_topics=60)
    noisy = replace(pools, features=pools.features + rng.normal(0, 0.3, pools.features.shape))
    asked = replace(lesson(noisy), prices=(0.0, 0.05))
    assert learn(asked, n_jobs=1) == learn(asked, n_jobs=2)


def test_a_metric_grows_by_its_share() -> None:
    pools = two_features([0.5, 0.9], [0.8, 0.1])
    asked = replace(
        replace(lesson(pools), cost=1e-4),
        groups=[pools, pools],
        shares=[{"MRR": 0.25}, {"nDCG@10": 0.75}],
        before={(0, "MRR"): 0.5, (1, "nDCG@10"): 0.5},
    )
    turned = Profile(n_candidates=50, n_popular=50, weights={"similarity": 1.0, "recency": 0.4})
    everything = [np.arange(30)] * 2
    # both metrics reach 1, twice what they were; a hundred candidates cost 1e-4 each, 0.4 · 0.5
    assert asked.goal(everything, 0.5)(turned) == pytest.approx(2 - 0.01 - 0.2)


def test_the_best_of_a_hill_is_climbed() -> None:
    def hill(profile: Profile) -> float:
        recency = profile.weights.get("recency", 0.0)
        return -((recency - 0.7) ** 2) - (profile.n_candidates / 100 - 0.7) ** 2

    start = Profile(n_candidates=50, weights={"similarity": 1.0})
    found = ascend(hill, start, {"recency": ascent.WEIGHTS, "n_candidates": (50, 70, 90)})
    assert (found.weights["recency"], found.n_candidates) == (0.7, 70)


def test_weights_that_bags_agree_on_little_are_left_out() -> None:
    bags = [
        Profile(weights={"similarity": 1.0, "recency": 0.2}),
        *[Profile(weights={"similarity": 1.0, "popularity": 0.5})] * 4,
    ]
    assert mean_weights(bags) == {"similarity": 1.0, "popularity": 0.4}
