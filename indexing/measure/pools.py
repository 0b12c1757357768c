"""The pools that the engine makes for many topics, to be ranked again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from indexing.measure.metrics import Hits, values_of
from indexing.measure.systems import pool_of
from indexing.measure.topic import Topic
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.profiles import Profile
from shortlist.engine.other_lanes import NEIGHBOURS, POPULAR, TITLE, WORDS
from shortlist.engine.snapshot import Snapshot

BoolArray = npt.NDArray[np.bool_]

_NEVER = 2**31
_OF_CANDIDATES = ("features", "place", "popular", "title", "words", "near", "relevant")


@dataclass(frozen=True)
class Pools:
    """The pools of some topics one after the other, and how each candidate came into its own.

    Of all candidates: features float64 [m, f], a column each of `names`; `place` int64 [m] is the
    rank by similarity and `popular` int64 [m] that by the number of ratings, large for candidates
    of neither lane; `title`, `words` and `near` bool [m]: that lane, or neighbours, brought it;
    `relevant` bool [m]. Of the topics: `sizes` and `n_relevant` int64 [t]; `units` int64 [t]
    number from 0 what counts once: a topic of a text, a user of tastes.
    """

    names: tuple[str, ...]
    features: FloatArray
    place: RowArray
    popular: RowArray
    title: BoolArray
    words: BoolArray
    near: BoolArray
    relevant: BoolArray
    sizes: RowArray
    n_relevant: RowArray
    units: RowArray

    @property
    def n_units(self) -> int:
        """How many topics or users there are."""
        return int(self.units.max(initial=-1)) + 1

    def of(self, units: RowArray) -> Pools:
        """The pools of these units (rising), which are numbered anew."""
        kept = np.isin(self.units, units)
        topics = {name: getattr(self, name)[kept] for name in ("sizes", "n_relevant", "units")}
        topics["units"] = np.searchsorted(units, topics["units"])
        return replace(self._with(np.repeat(kept, self.sizes)), **topics)

    def within(self, n_candidates: int, n_popular: int, *, titles: bool, words: bool) -> Pools:
        """The candidates that the engine would gather by these depths and lanes."""
        inside = self.near | (self.place < n_candidates) | (self.popular < n_popular)
        inside |= (self.title & titles) | (self.words & words)
        topics = np.repeat(np.arange(len(self.sizes)), self.sizes)[inside]
        return replace(self._with(inside), sizes=np.bincount(topics, minlength=len(self.sizes)))

    def _with(self, kept: BoolArray) -> Pools:
        return replace(self, **{name: getattr(self, name)[kept] for name in _OF_CANDIDATES})

    def weighed(self, profile: Profile) -> FloatArray:
        """The scores of all candidates, float64 [m], as the engine adds them up."""
        weights = np.array([profile.weights.get(name, 0.0) for name in self.names])
        return np.asarray((self.features * weights).sum(axis=1))

    def values(self, scores: FloatArray, metrics: Sequence[str]) -> dict[str, FloatArray]:
        """Each metric of the order by these scores (float64 [m]), a mean a unit."""
        places, begin = [], 0
        for end in np.cumsum(self.sizes).tolist():
            relevant = self.relevant[begin:end]
            if relevant.any():
                relevant = relevant[np.argsort(-scores[begin:end], kind="stable")]
            places.append(np.flatnonzero(relevant))
            begin = end
        topics = np.repeat(np.arange(len(places)), [len(each) for each in places])
        found = values_of(Hits(topics, np.concatenate(places), self.n_relevant), metrics)
        n_topics = np.bincount(self.units)
        return {name: np.bincount(self.units, each) / n_topics for name, each in found.items()}


def collect(topic: Topic, snapshot: Snapshot, options: Mapping[str, Any]) -> Pools:
    """The pool of one topic, through the engine."""
    pool = pool_of(topic, snapshot, options)
    places, nobody = np.arange(len(pool.rows)), np.empty(0, np.int64)
    most_rated = pool.lanes.get(POPULAR, nobody)
    popular = np.full(snapshot.bundle.n_items, _NEVER)
    popular[most_rated] = np.arange(len(most_rated))
    return Pools(
        names=tuple(pool.plan.weights),
        features=pool.features,
        place=np.where(places < pool.n_retrieved, places, _NEVER),
        popular=popular[pool.rows],
        title=np.isin(pool.rows, pool.lanes.get(TITLE, nobody)),
        words=np.isin(pool.rows, pool.lanes.get(WORDS, nobody)),
        near=np.isin(pool.rows, pool.lanes.get(NEIGHBOURS, nobody)),
        relevant=np.isin(pool.rows, topic.relevant),
        sizes=np.array([len(places)]),
        n_relevant=np.array([len(topic.relevant)]),
        units=np.zeros(1, np.int64),
    )


def joined(pools: Sequence[Pools], topics: Sequence[Topic]) -> Pools:
    """The pools of these topics as one, one or more pools; those of a user count once."""
    units = np.arange(len(topics))
    if any(topic.user for topic in topics):
        _, units = np.unique([topic.user for topic in topics], return_inverse=True)
    parts = (*_OF_CANDIDATES, "sizes", "n_relevant")
    whole = {name: np.concatenate([getattr(one, name) for one in pools]) for name in parts}
    return Pools(names=pools[0].names, units=units, **whole)
