"""Ranking metrics and whether a difference of two systems is more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import ir_measures
import numpy as np
import numpy.typing as npt

from indexing.measure.topics import RowArray

FloatArray = npt.NDArray[np.float64]
Scores = Mapping[str, FloatArray]

BOOTSTRAP_SAMPLES = 2000
BOOTSTRAP_SEED = 20261124
LEVEL = 0.95


class Judged(Protocol):
    """Something asked whose right answers are known."""

    @property
    def relevant(self) -> RowArray:
        """The rows that answer it, int64."""
        ...


@dataclass(frozen=True)
class Difference:
    """The mean difference of two systems over the same queries and its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def measure(
    topics: Sequence[Judged], rankings: Sequence[RowArray], names: Sequence[str]
) -> dict[str, FloatArray]:
    """Metrics by ir-measures' names, float64 [topics] each, in the order of the topics.

    A ranking is rows int64, best first; what is not in it counts as not found.
    """
    measures = [ir_measures.parse_measure(name) for name in names]
    relevant = [
        ir_measures.Qrel(str(number), str(row), 1)
        for number, topic in enumerate(topics)
        for row in topic.relevant.tolist()
    ]
    found = [
        ir_measures.ScoredDoc(str(number), str(row), -float(place))
        for number, ranking in enumerate(rankings)
        for place, row in enumerate(ranking.tolist())
    ]
    values = {name: np.zeros(len(topics)) for name in names}
    named = dict(zip(measures, names, strict=True))
    for metric in ir_measures.iter_calc(measures, relevant, found):
        values[named[metric.measure]][int(metric.query_id)] = metric.value
    return values


def debiased_recall(
    topics: Sequence[Judged],
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
    return np.array(
        [
            weights[np.intersect1d(ranking[:depth], topic.relevant)].sum()
            / weights[topic.relevant].sum()
            for topic, ranking in zip(topics, rankings, strict=True)
        ]
    )


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
