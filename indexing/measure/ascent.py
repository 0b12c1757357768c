"""Learning a profile: coordinate ascent over weights and depths, on resamples of the topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from indexing.measure.learnt import in_parallel
from indexing.measure.pools import Pools
from indexing.measure.topic import SEED
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.profiles import Profile
from shortlist.engine.features import FEATURES, Source, features_from, weighs

WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5)
ROUNDS = 4
LEAST_WEIGHT = 0.05
"""What bags agree on less than this is left out."""

BAGS = 5
FOLDS = 3

_OF_THE_QUERY = features_from(Source.TEXT, Source.WORDS, Source.TITLES)

Means = dict[tuple[int, str], float]
"""By the number of a group and the name of a metric its mean."""

Grids = Mapping[str, Sequence[float]]
"""By the name of a weight or a depth what is tried of it."""


@dataclass(frozen=True)
class Lesson:
    """What a profile is learnt from, and by what it is judged meanwhile.

    Maximised is by what factor each metric grows over `before`, on average: factors, because
    metrics differ tenfold in what can be reached. `shares` say how much each metric of each
    group counts. `cost` is what a candidate more has to bring, so that depth that brings nothing
    is not bought; one of `prices` does so for the weights of what is known of items.
    """

    groups: Sequence[Pools]
    shares: Sequence[Mapping[str, float]]
    before: Means
    start: Profile
    grids: Grids
    cost: float = 0.0
    prices: Sequence[float] = (0.0,)

    def goal(self, drawn: Sequence[RowArray], price: float) -> Callable[[Profile], float]:
        """What is maximised over these units of each group, one as often as it was drawn."""
        means_of = _means_over(self.groups, self.shares, drawn)
        share_of = {
            (group, name): share
            for group, shares in enumerate(self.shares)
            for name, share in shares.items()
        }

        def value(profile: Profile) -> float:
            means = means_of(profile)
            shares = {key: share_of[key] for key in means}
            grown = sum(means[key] / self.before[key] * share for key, share in shares.items())
            depth = self.cost * (profile.n_candidates + profile.n_popular)
            known = [name for name in profile.weights if name not in _OF_THE_QUERY]
            weight = price * sum(profile.weights[name] for name in known)
            return grown / sum(shares.values()) - depth - weight

        return value


def means_of(
    groups: Sequence[Pools], shares: Sequence[Mapping[str, float]], profile: Profile
) -> Means:
    """The means of every group's metrics under a profile, at least a millionth."""
    means = _means_over(groups, shares, [np.arange(pools.n_units) for pools in groups])(profile)
    return {key: max(mean, 1e-6) for key, mean in means.items()}


def _means_over(
    groups: Sequence[Pools], shares: Sequence[Mapping[str, float]], drawn: Sequence[RowArray]
) -> Callable[[Profile], Means]:
    """What gives the means of a profile over some units; pools of a few depths are kept."""
    parted = [np.unique(units, return_inverse=True) for units in drawn]
    own = [pools.of(units) for pools, (units, _) in zip(groups, parted, strict=True)]

    @lru_cache(maxsize=4)
    def within(n_candidates: int, n_popular: int, titles: bool, words: bool) -> list[Pools]:
        lanes = {"titles": titles, "words": words}
        return [pools.within(n_candidates, n_popular, **lanes) for pools in own]

    def means(profile: Profile) -> Means:
        titles, words = (weighs(profile.weights, one) for one in (Source.TITLES, Source.WORDS))
        inside = within(profile.n_candidates, profile.n_popular, titles, words)
        groups = enumerate(zip(inside, shares, parted, strict=True))
        return {
            (group, name): float(values[places].mean())
            for group, (pools, metrics, (_, places)) in groups
            if len(places)
            for name, values in pools.values(pools.weighed(profile), list(metrics)).items()
        }

    return means


def learn(lesson: Lesson, *, n_jobs: int | None = None) -> Profile:
    """The mean of the profiles that seeded resamples of the training topics lead to.

    Few hundred topics lead coordinate ascent astray, so weights have a price, chosen by
    three-fold cross-validation within the training topics, and the profiles of five resamples
    (with replacement, within each group) are averaged; depths are the medians. Sources:
    ridge-like shrinkage by cross-validation; Breiman 1996, bagging.
    """
    price = _chosen_price(lesson, n_jobs)
    rng = np.random.default_rng(SEED)
    sizes = [pools.n_units for pools in lesson.groups]
    bags = [([rng.integers(0, size, size) for size in sizes], price) for _ in range(BAGS)]
    found = list(in_parallel(partial(_learn_from, lesson), bags, n_jobs=n_jobs, desc="learning"))
    depths = ("n_candidates", "n_popular")
    medians = {name: int(np.median([getattr(one, name) for one in found])) for name in depths}
    return lesson.start.model_copy(update={**medians, "weights": mean_weights(found)})


def _chosen_price(lesson: Lesson, n_jobs: int | None) -> float:
    """The highest price that does as well as any on training topics not learnt from.

    As well means within one standard error of the best. Source: the one-standard-error rule,
    Breiman et al. 1984, Classification and Regression Trees.
    """
    prices = np.array(lesson.prices)
    if len(prices) == 1:
        return float(prices[0])
    tasks = [(price, fold) for price in lesson.prices for fold in range(FOLDS)]
    found = in_parallel(partial(_unseen, lesson), tasks, n_jobs=n_jobs, desc="choosing a price")
    unseen = np.reshape(list(found), (len(prices), FOLDS))
    means = unseen.mean(axis=1)
    best = int(np.argmax(means))
    least = means[best] - unseen[best].std(ddof=1) / np.sqrt(FOLDS)
    return float(prices[means >= least].max())


def _unseen(lesson: Lesson, price: float, fold: int) -> float:
    """The goal on one fold of a profile learnt from the others."""
    ends = np.cumsum([pools.n_units for pools in lesson.groups]).tolist()
    numbers = np.split(np.arange(ends[-1]), ends[:-1])
    seen = [np.flatnonzero(each % FOLDS != fold) for each in numbers]
    others = [np.flatnonzero(each % FOLDS == fold) for each in numbers]
    return lesson.goal(others, 0.0)(_learn_from(lesson, seen, price))


def _learn_from(lesson: Lesson, drawn: Sequence[RowArray], price: float) -> Profile:
    return ascend(lesson.goal(drawn, price), lesson.start, lesson.grids)


def ascend(objective: Callable[[Profile], float], start: Profile, grids: Grids) -> Profile:
    """The best profile that changes of one coordinate at a time lead to. Deterministic."""
    best, best_value = start, objective(start)
    for _ in range(ROUNDS):
        before = best_value
        for name, values in grids.items():
            tried = [_changed(best, name, value) for value in values]
            reached = [objective(profile) for profile in tried]
            if max(reached) > best_value + 1e-9:
                best_value = max(reached)
                best = tried[int(np.argmax(reached))]
        if best_value <= before + 1e-6:
            break
    return best


def _changed(profile: Profile, name: str, value: float) -> Profile:
    update: dict[str, object] = {name: value}
    if name in FEATURES:
        weights = {**profile.weights, name: value}
        update = {"weights": {each: weight for each, weight in weights.items() if weight}}
    return profile.model_copy(update=update)


def mean_weights(profiles: Sequence[Profile]) -> dict[str, float]:
    """The mean of each weight, those below 0.05 left out. Source: Breiman 1996, bagging."""
    means = {
        name: round(float(np.mean([one.weights.get(name, 0.0) for one in profiles])), 2)
        for name in FEATURES
    }
    return {name: weight for name, weight in means.items() if weight >= LEAST_WEIGHT}
