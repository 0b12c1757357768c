"""Coordinate ascent over a profile's weights and depths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from shortlist.bundle.manifest import Profile

WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5)
ROUNDS = 4
LEAST_WEIGHT = 0.05
"""What bags agree on less than this is left out."""

Change = Callable[[Profile], Profile]


def ascend(
    objective: Callable[[Profile], float],
    start: Profile,
    coordinates: Sequence[Sequence[Change]],
    on_step: Callable[[], object],
) -> Profile:
    """The best profile that changes of one coordinate at a time lead to. Deterministic."""
    best = start
    best_value = objective(best)
    for _ in range(ROUNDS):
        before = best_value
        for candidates in coordinates:
            tried = [change(best) for change in candidates]
            values = [objective(profile) for profile in tried]
            on_step()
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
