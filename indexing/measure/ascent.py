"""Learning a profile: coordinate ascent over weights and depths, on resamples of the topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from indexing.measure.parallel import in_parallel
from indexing.measure.pools import IntArray, Pools, matches_titles
from shortlist.bundle.manifest import TITLE_FEATURES, Profile

WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5)
ROUNDS = 4
LEAST_WEIGHT = 0.05
"""What bags agree on less than this is left out."""

BAGS = 5
FOLDS = 3
SEED = 20261124

Change = Callable[[Profile], Profile]


@dataclass(frozen=True)
class Goal:
    """What is maximised: by what factor each metric grows, on average.

    `shares` say how much a metric counts and `before` what it is compared with. Factors, because
    metrics differ tenfold in what can be reached. `cost` is what a candidate more has to bring,
    so that depth that brings nothing is not bought; one of `prices` does so for the weights of
    what is known of items.
    """

    shares: Mapping[str, float]
    before: Mapping[str, float]
    cost: float = 0.0
    prices: Sequence[float] = (0.0,)

    def value(self, means: Mapping[str, float], profile: Profile, price: float) -> float:
        """The goal for these means under a profile."""
        shares = {name: self.shares[name] for name in means}
        grown = sum(means[name] / self.before[name] * share for name, share in shares.items())
        depth = self.cost * (profile.n_candidates + profile.n_popular)
        priced = [name for name in profile.weights if name not in ("similarity", *TITLE_FEATURES)]
        weight = price * sum(profile.weights[name] for name in priced)
        return grown / sum(shares.values()) - depth - weight


def means_of(groups: Sequence[Pools], profile: Profile) -> dict[str, float]:
    """The means of every group's metrics under a profile."""
    return _Bag(groups, [np.arange(pools.n_units) for pools in groups]).means(profile)


class _Bag:
    """Some units of each group, one as often as it was drawn."""

    def __init__(self, groups: Sequence[Pools], drawn: Sequence[IntArray]) -> None:
        parted = [np.unique(units, return_inverse=True) for units in drawn]
        self._groups = [pools.of(units) for pools, (units, _) in zip(groups, parted, strict=True)]
        self._drawn = [places for _, places in parted]
        self._within = lru_cache(maxsize=4)(self._kept)

    def means(self, profile: Profile) -> dict[str, float]:
        depths = (profile.n_candidates, profile.n_popular, matches_titles(profile))
        return {
            name: float(values[drawn].mean())
            for pools, drawn in zip(self._within(*depths), self._drawn, strict=True)
            if len(drawn)
            for name, values in pools.values(pools.weighed(profile)).items()
        }

    def _kept(self, n_candidates: int, n_popular: int, titles: bool) -> list[Pools]:
        return [pools.within(n_candidates, n_popular, titles=titles) for pools in self._groups]


def learn(
    groups: Sequence[Pools],
    goal: Goal,
    start: Profile,
    coordinates: Sequence[Sequence[Change]],
    *,
    n_jobs: int | None = None,
) -> Profile:
    """The mean of the profiles that seeded resamples of the training topics lead to.

    Few hundred topics lead coordinate ascent astray, so weights have a price, chosen by
    three-fold cross-validation within the training topics, and the profiles of five resamples
    (with replacement, within each group) are averaged; depths are the medians. Sources:
    ridge-like shrinkage by cross-validation; Breiman 1996, bagging.
    """
    price = _chosen_price(groups, goal, start, coordinates, n_jobs)
    rng = np.random.default_rng(SEED)
    bags = [
        [rng.integers(0, pools.n_units, pools.n_units) for pools in groups] for _ in range(BAGS)
    ]
    tasks = [(groups, drawn, goal, price, start, coordinates) for drawn in bags]
    found = list(in_parallel(_ascend, tasks, n_jobs=n_jobs, desc="learning"))
    depths = {
        name: int(np.median([getattr(one, name) for one in found]))
        for name in ("n_candidates", "n_popular")
    }
    weights = mean_weights(found, groups[0].names)
    return start.model_copy(update={**depths, "weights": weights})


def _chosen_price(
    groups: Sequence[Pools],
    goal: Goal,
    start: Profile,
    coordinates: Sequence[Sequence[Change]],
    n_jobs: int | None,
) -> float:
    """The highest price that does as well as any on training topics not learnt from.

    As well means within one standard error of the best. Source: the one-standard-error rule,
    Breiman et al. 1984, Classification and Regression Trees.
    """
    if len(goal.prices) == 1:
        return goal.prices[0]
    tasks = [
        (groups, fold, goal, price, start, coordinates)
        for price in goal.prices
        for fold in range(FOLDS)
    ]
    found = list(in_parallel(_unseen, tasks, n_jobs=n_jobs, desc="choosing a price"))
    unseen = np.reshape(found, (len(goal.prices), FOLDS))
    best = unseen[int(np.argmax(unseen.mean(axis=1)))]
    least = best.mean() - best.std(ddof=1) / np.sqrt(FOLDS)
    good = unseen.mean(axis=1) >= least
    return max(price for price, here in zip(goal.prices, good, strict=True) if here)


def _unseen(
    groups: Sequence[Pools],
    fold: int,
    goal: Goal,
    price: float,
    start: Profile,
    coordinates: Sequence[Sequence[Change]],
) -> float:
    """The goal on one fold of a profile learnt from the others."""
    begins = np.cumsum([0, *(pools.n_units for pools in groups)])
    units = [np.arange(pools.n_units) for pools in groups]
    here = [(begin + each) % FOLDS == fold for begin, each in zip(begins, units, strict=False)]
    seen = [each[~mask] for each, mask in zip(units, here, strict=True)]
    profile = _ascend(groups, seen, goal, price, start, coordinates)
    others = [each[mask] for each, mask in zip(units, here, strict=True)]
    return goal.value(_Bag(groups, others).means(profile), profile, 0.0)


def _ascend(
    groups: Sequence[Pools],
    drawn: Sequence[IntArray],
    goal: Goal,
    price: float,
    start: Profile,
    coordinates: Sequence[Sequence[Change]],
) -> Profile:
    bag = _Bag(groups, drawn)
    return ascend(lambda one: goal.value(bag.means(one), one, price), start, coordinates)


def ascend(
    objective: Callable[[Profile], float],
    start: Profile,
    coordinates: Sequence[Sequence[Change]],
) -> Profile:
    """The best profile that changes of one coordinate at a time lead to. Deterministic."""
    best, best_value = start, objective(start)
    for _ in range(ROUNDS):
        before = best_value
        for changes in coordinates:
            tried = [change(best) for change in changes]
            values = [objective(profile) for profile in tried]
            if max(values) > best_value + 1e-9:
                best_value = max(values)
                best = tried[int(np.argmax(values))]
        if best_value <= before + 1e-6:
            break
    return best


def weight_coordinates(names: Iterable[str], *, fixed: str) -> list[list[Change]]:
    """A grid for each weight but one: only the ratios of weights matter."""
    return [[_weight(name, weight) for weight in WEIGHTS] for name in names if name != fixed]


def depth_coordinate(name: str, depths: Iterable[int]) -> list[Change]:
    """A grid for a depth."""
    return [_depth(name, depth) for depth in depths]


def mean_weights(profiles: Sequence[Profile], names: Iterable[str]) -> dict[str, float]:
    """The mean of each weight, those below 0.05 left out. Source: Breiman 1996, bagging."""
    means = {
        name: round(float(np.mean([one.weights.get(name, 0.0) for one in profiles])), 2)
        for name in names
    }
    return {name: weight for name, weight in means.items() if weight >= LEAST_WEIGHT}


def _weight(name: str, weight: float) -> Change:
    def change(profile: Profile) -> Profile:
        weights = {**profile.weights, name: weight}
        return profile.model_copy(
            update={"weights": {key: value for key, value in weights.items() if value}}
        )

    return change


def _depth(name: str, depth: int) -> Change:
    return lambda profile: profile.model_copy(update={name: depth})
