"""Ranking metrics and whether a difference of two systems is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexing.measure.topic import Topic
from shortlist.bundle.arrays import FloatArray, RowArray

BOOTSTRAP_SAMPLES = 2000
BOOTSTRAP_SEED = 20261124
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """The mean difference of two systems over the same queries and its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


@dataclass(frozen=True)
class Hits:
    """Where in its ranking each relevant item of some topics stands.

    `topics` int64 [h] numbers the topic of a hit and rises, `places` int64 [h] is its place from
    0, rising within a topic; `n_relevant` int64 [t], at least 1 each, counts those not found too.
    """

    topics: RowArray
    places: RowArray
    n_relevant: RowArray

    def sums(self, values: FloatArray, depth: int) -> FloatArray:
        """What the hits of each topic down to a depth are worth together, float64 [t]."""
        near = self.places < depth
        n_topics = len(self.n_relevant)
        return np.bincount(self.topics[near], values[near], minlength=n_topics).astype(np.float64)


def find_hits(topics: Sequence[Topic], rankings: Sequence[RowArray]) -> Hits:
    """The hits of rankings (rows int64, best first); what is not in one counts as not found."""
    relevant, n_relevant = _flat([topic.relevant for topic in topics])
    rows, sizes = _flat(rankings)
    stride = 1 + max(int(relevant.max(initial=0)), int(rows.max(initial=0)))
    numbers = np.repeat(np.arange(len(topics)), sizes)
    wanted = np.repeat(np.arange(len(topics)), n_relevant) * stride + relevant
    found = np.flatnonzero(np.isin(numbers * stride + rows, wanted))
    begin = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    return Hits(numbers[found], found - begin[numbers[found]], n_relevant)


def _flat(parts: Sequence[RowArray]) -> tuple[RowArray, RowArray]:
    sizes = np.array([len(part) for part in parts], dtype=np.int64)
    return np.concatenate([np.empty(0, np.int64), *parts]), sizes


def ndcg(hits: Hits, depth: int) -> FloatArray:
    """Σ 1 / log2(1 + place) of the hits by that of the best order, places from 1; in [0, 1].

    Source: Järvelin and Kekäläinen 2002, with gains of 0 and 1.
    """
    best = np.cumsum(1.0 / np.log2(np.arange(2, depth + 2)))
    ideal = best[np.minimum(hits.n_relevant, depth) - 1]
    gained = hits.sums(1.0 / np.log2(hits.places + 2.0), depth)
    return np.asarray(gained / ideal)


def recall(hits: Hits, depth: int) -> FloatArray:
    """The share of the relevant items that is found, in [0, 1]."""
    return hits.sums(np.ones(len(hits.places)), depth) / hits.n_relevant


def precision(hits: Hits, depth: int) -> FloatArray:
    """The share of the first places that is relevant, in [0, 1]."""
    return hits.sums(np.ones(len(hits.places)), depth) / depth


def success(hits: Hits, depth: int) -> FloatArray:
    """1 where anything relevant is found, else 0."""
    return np.minimum(hits.sums(np.ones(len(hits.places)), depth), 1.0)


def reciprocal_rank(hits: Hits, depth: int) -> FloatArray:
    """1 by the place of the first hit, counted from 1; 0 without one."""
    first = np.concatenate([[True], np.diff(hits.topics) > 0])[: len(hits.topics)]
    return hits.sums(np.where(first, 1.0 / (hits.places + 1.0), 0.0), depth)


_METRICS = {"nDCG": ndcg, "P": precision, "R": recall, "Recall": recall, "Success": success}
_METRICS |= {"RR": reciprocal_rank, "MRR": reciprocal_rank}


def values_of(hits: Hits, names: Sequence[str]) -> dict[str, FloatArray]:
    """Metrics by names such as nDCG@10, Recall@50 or MRR, float64 [topics] each."""
    parts = {name: name.partition("@") for name in names}  # without a depth: the whole ranking
    return {name: _METRICS[of](hits, int(depth or 2**31)) for name, (of, _, depth) in parts.items()}


def measure(
    topics: Sequence[Topic], rankings: Sequence[RowArray], names: Sequence[str]
) -> dict[str, FloatArray]:
    """Metrics of rankings, in the order of the topics: see `find_hits` and `values_of`."""
    return values_of(find_hits(topics, rankings), names)


def debiased_recall(
    topics: Sequence[Topic],
    rankings: Sequence[RowArray],
    rating_counts: npt.NDArray[np.int32],
    *,
    depth: int,
) -> FloatArray:
    """Recall at `depth` in which an item weighs 1 / (1 + its rating count): float64 [topics].

    Popular items are carried by more tags because more people saw them; weighing the relevant
    items by the inverse of their popularity takes that advantage back (inverse propensity
    scoring as in Yang et al. 2018, "Unbiased offline recommender evaluation").
    """
    weights = 1.0 / (1.0 + rating_counts)
    pairs = zip([topic.relevant for topic in topics], rankings, strict=True)
    found = ((np.intersect1d(ranking[:depth], relevant), relevant) for relevant, ranking in pairs)
    return np.array([weights[hits].sum() / weights[relevant].sum() for hits, relevant in found])


def by_user(users: Sequence[str], values: FloatArray) -> FloatArray:
    """The mean over each user's topics, float64 [users], in the order of their names."""
    _, place = np.unique(np.array(users), return_inverse=True)
    return np.asarray(np.bincount(place, values) / np.bincount(place))


def paired_bootstrap(values: FloatArray, reference: FloatArray) -> Difference:
    """The difference of two systems' values on the same queries (float64 [q] each).

    Queries are drawn with replacement 2,000 times by a fixed seed; the interval is that between
    the 2.5 and 97.5 percentiles of the means. Source: Efron and Tibshirani, the percentile
    bootstrap; Sakai 2006 for its use on retrieval metrics.
    """
    differences = values - reference
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    drawn = rng.integers(0, len(differences), (BOOTSTRAP_SAMPLES, len(differences)))
    means = differences[drawn].mean(axis=1)
    low, high = np.percentile(means, [50 * (1 - LEVEL), 100 - 50 * (1 - LEVEL)])
    return Difference(float(differences.mean()), float(low), float(high))
