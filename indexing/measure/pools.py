"""The pools that the engine makes for many topics, to be ranked again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from indexing.measure.metrics import Hits, values_of
from indexing.measure.systems import Engine
from indexing.measure.topic import FloatArray, Topic
from shortlist.bundle.manifest import TITLE_FEATURES, Profile
from shortlist.engine.snapshot import Snapshot

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_NEVER = 2**31
_OF_CANDIDATES = ("features", "place", "popular", "title", "near", "relevant")


@dataclass(frozen=True)
class Case:
    """One topic's pool, as deep as it was asked for, and how each candidate came into it.

    features float64 [m, f], a column each of `names`; `place` int64 [m] is the rank by
    similarity and `popular` int64 [m] that by the number of ratings, large for candidates of
    neither lane; `title` and `near` bool [m] say that the title lane or the neighbours brought it.
    """

    topic: Topic
    names: tuple[str, ...]
    features: FloatArray
    place: IntArray
    popular: IntArray
    title: BoolArray
    near: BoolArray
    relevant: BoolArray


def collect(engine: Engine, topic: Topic, snapshot: Snapshot) -> Case:
    """The case of a topic, through the engine."""
    found = engine.pool(topic, snapshot)
    pool, places = found.pool, np.arange(len(found.pool.rows))
    titles = pool.titles.rows if pool.titles is not None else np.empty(0, np.int64)
    popular = np.full(snapshot.bundle.n_items, _NEVER)
    popular[pool.popular] = np.arange(len(pool.popular))
    return Case(
        topic=topic,
        names=tuple(found.plan.weights),
        features=found.features,
        place=np.where(places < pool.n_retrieved, places, _NEVER),
        popular=popular[pool.rows],
        title=np.isin(pool.rows, titles),
        near=np.isin(pool.rows, pool.near),
        relevant=np.isin(pool.rows, topic.relevant),
    )


@dataclass(frozen=True)
class Pools:
    """Cases one after the other, and the metrics by which a ranking of them is judged.

    What a `Case` has for each candidate, here for those of all, [m]; `sizes` and `n_relevant`
    int64 [cases]; `units` int64 [cases] number from 0 what counts once: a topic, or a user.
    """

    metrics: tuple[str, ...]
    names: tuple[str, ...]
    features: FloatArray
    place: IntArray
    popular: IntArray
    title: BoolArray
    near: BoolArray
    relevant: BoolArray
    sizes: IntArray
    n_relevant: IntArray
    units: IntArray

    @property
    def n_units(self) -> int:
        """How many topics or users there are."""
        return int(self.units.max(initial=-1)) + 1

    def of(self, units: IntArray) -> Pools:
        """The cases of these units (rising), which are numbered anew."""
        kept = np.isin(self.units, units)
        return replace(
            self._candidates(np.repeat(kept, self.sizes)),
            sizes=self.sizes[kept],
            n_relevant=self.n_relevant[kept],
            units=np.searchsorted(units, self.units[kept]),
        )

    def within(self, n_candidates: int, n_popular: int, *, titles: bool) -> Pools:
        """The candidates that the engine would gather by these depths, the title lane or not."""
        inside = self.near | (self.place < n_candidates) | (self.popular < n_popular)
        if titles:
            inside |= self.title
        cases = np.repeat(np.arange(len(self.sizes)), self.sizes)
        sizes = np.bincount(cases[inside], minlength=len(self.sizes))
        return replace(self._candidates(inside), sizes=sizes)

    def _candidates(self, kept: BoolArray) -> Pools:
        return replace(self, **{name: getattr(self, name)[kept] for name in _OF_CANDIDATES})

    def weighed(self, profile: Profile) -> FloatArray:
        """The scores of all candidates, float64 [m], as the engine adds them up."""
        weights = np.array([profile.weights.get(name, 0.0) for name in self.names])
        scores: FloatArray = (self.features * weights).sum(axis=1)
        return scores

    def values(self, scores: FloatArray) -> dict[str, FloatArray]:
        """Each metric of the order by these scores (float64 [m]), a mean a unit."""
        ends = np.cumsum(self.sizes)
        places: list[IntArray] = []
        for begin, end in zip((ends - self.sizes).tolist(), ends.tolist(), strict=True):
            relevant = self.relevant[begin:end]
            order = np.argsort(-scores[begin:end], kind="stable") if relevant.any() else []
            places.append(np.flatnonzero(relevant[order]))
        numbers = np.repeat(np.arange(len(places)), [len(each) for each in places])
        hits = Hits(numbers, np.concatenate(places), self.n_relevant)
        n_cases = np.bincount(self.units)
        return {
            name: np.bincount(self.units, values) / n_cases
            for name, values in values_of(hits, self.metrics).items()
        }


def as_pools(cases: Sequence[Case], metrics: Sequence[str]) -> Pools:
    """These cases together; those of a user count once."""
    units = np.arange(len(cases))
    if any(case.topic.user for case in cases):
        _, units = np.unique([case.topic.user for case in cases], return_inverse=True)
    joined = {
        name: np.concatenate([getattr(case, name) for case in cases]) for name in _OF_CANDIDATES
    }
    return Pools(
        metrics=tuple(metrics),
        names=cases[0].names,
        sizes=np.array([len(case.relevant) for case in cases]),
        n_relevant=np.array([len(case.topic.relevant) for case in cases]),
        units=units,
        **joined,
    )


def matches_titles(profile: Profile) -> bool:
    """Whether the title lane brings candidates under this profile."""
    return any(profile.weights.get(name, 0.0) > 0 for name in TITLE_FEATURES)
