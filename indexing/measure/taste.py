"""Measuring similar items and recommendations against what people went on to like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from indexing.catalog import Catalog
from indexing.measure.metrics import Difference, FloatArray, measure, paired_bootstrap
from indexing.measure.others import learnt_from
from indexing.measure.taste_systems import OURS, REFERENCES, TasteSystem, taste_systems
from indexing.measure.tastes import (
    ITEM_TO_ITEM,
    PERSONAL,
    TEMPORAL,
    Fold,
    TasteTopic,
    item_to_item,
    personal,
    temporal_cut,
)
from indexing.measure.topics import RowArray
from indexing.neighbours.models import Model, choose
from indexing.sections import liked_from
from shortlist.engine.snapshot import Snapshot

NDCG, RECALL = "nDCG@10", "Recall@20"
_MEASURES = {NDCG: "nDCG@10", RECALL: "R@20"}
SHOWN = 10


@dataclass(frozen=True)
class TasteLine:
    """One system on one protocol, means over users.

    `coverage` is the share of all items among anybody's first ten; `popularity_percentile` the
    mean share of items with fewer ratings than one of these. The differences are of nDCG@10 over
    users, None for the system compared with itself.
    """

    system: str
    ndcg: float
    recall: float
    coverage: float
    popularity_percentile: float
    to_popularity: Difference | None
    to_text: Difference | None


@dataclass(frozen=True)
class TasteMeasured:
    """One protocol's lines, or why it was skipped; `n_topics` questions of `n_users` users."""

    protocol: str
    n_users: int
    n_topics: int
    lines: tuple[TasteLine, ...]
    skipped: str | None = None

    @property
    def best_reference(self) -> TasteLine:
        """The line of the reference with the highest nDCG@10."""
        references = [one for one in self.lines if one.system in REFERENCES]
        return max(references, key=lambda one: one.ndcg)

    @property
    def ours(self) -> TasteLine:
        """The line of the profile that the bundle answers with."""
        (line,) = (one for one in self.lines if one.system == OURS)
        return line


def evaluate_tastes(snapshot: Snapshot, catalog: Catalog) -> list[TasteMeasured]:
    """Every protocol of taste, each skipped where the catalogue does not say who rated."""
    return [
        _evaluate(snapshot, catalog, protocol) for protocol in (ITEM_TO_ITEM, PERSONAL, TEMPORAL)
    ]


def folds_of(catalog: Catalog, protocol: str) -> list[Fold]:
    """The folds of a protocol that ask something; the catalogue has ratings by users.

    None at all if the other users of one like no two items together: nothing is learnt from them.
    """
    assert catalog.ratings is not None
    make = {ITEM_TO_ITEM: item_to_item, PERSONAL: personal, TEMPORAL: temporal_cut}[protocol]
    least = liked_from(catalog)
    folds = [fold for fold in make(catalog.ratings.table, liked_from=least) if fold.topics]
    return folds if all(_teaches(fold, least) for fold in folds) else []


def _teaches(fold: Fold, least: float) -> bool:
    likes = fold.others.loc[fold.others["value"] >= least, "user"]
    return bool((likes.value_counts() >= 2).any())


def _evaluate(snapshot: Snapshot, catalog: Catalog, protocol: str) -> TasteMeasured:
    if catalog.ratings is None or not catalog.config.learns_neighbours:
        return _skipped(protocol, "the catalogue has no ratings by users")
    if protocol == TEMPORAL and "time" not in catalog.ratings.table:
        return _skipped(protocol, "the ratings have no time")
    folds = folds_of(catalog, protocol)
    if not folds:
        return _skipped(protocol, "too few users like enough")
    topics = [topic for fold in folds for topic in fold.topics]
    systems = taste_systems(
        [name for name in ("notebook",) if name in snapshot.bundle.manifest.profiles],
        similar=protocol == ITEM_TO_ITEM,
        affords_ease=_affords_ease(catalog, folds),
    )
    found, percentiles = _rankings(snapshot, catalog, protocol, folds, systems)
    return TasteMeasured(
        protocol=protocol,
        n_users=len({topic.user for topic in topics}),
        n_topics=len(topics),
        lines=_lines(topics, found, percentiles, n_items=catalog.n_items),
    )


def _affords_ease(catalog: Catalog, folds: Sequence[Fold]) -> bool:
    n_users = max(fold.others["user"].nunique() for fold in folds)
    return choose(Model.AUTO, n_users=n_users, n_items=catalog.n_items) is Model.EASE


def _rankings(
    snapshot: Snapshot,
    catalog: Catalog,
    protocol: str,
    folds: Sequence[Fold],
    systems: Sequence[TasteSystem],
) -> tuple[dict[str, list[RowArray]], dict[str, list[float]]]:
    """Each system's rankings, one a topic, and how popular its first ten are in that fold."""
    found: dict[str, list[RowArray]] = {system.name: [] for system in systems}
    percentiles: dict[str, list[float]] = {system.name: [] for system in systems}
    n_steps = sum(len(fold.topics) for fold in folds) * len(systems)
    with tqdm(total=n_steps, desc=protocol, unit="query", disable=None) as bar:
        for fold in folds:
            learnt = learnt_from(snapshot, catalog, fold.others)
            features = learnt.snapshot.bundle.sections.features
            assert features is not None
            percentile = features.columns["rating_percentile"]
            for system in systems:
                rank = system.prepare(learnt)
                for topic in fold.topics:
                    rows = rank(topic)
                    found[system.name].append(rows)
                    percentiles[system.name].append(_mean(percentile[rows[:SHOWN]].tolist()))
                    bar.update()
    return found, percentiles


def _lines(
    topics: Sequence[TasteTopic],
    found: dict[str, list[RowArray]],
    percentiles: dict[str, list[float]],
    *,
    n_items: int,
) -> tuple[TasteLine, ...]:
    users = np.array([topic.user for topic in topics])
    values = {
        name: {
            metric: by_user(users, each)
            for metric, each in measure(topics, ranked, tuple(_MEASURES.values())).items()
        }
        for name, ranked in found.items()
    }
    ndcg = {name: metrics[_MEASURES[NDCG]] for name, metrics in values.items()}
    return tuple(
        TasteLine(
            system=name,
            ndcg=float(ndcg[name].mean()),
            recall=float(values[name][_MEASURES[RECALL]].mean()),
            coverage=len({row for rows in ranked for row in rows[:SHOWN].tolist()}) / n_items,
            popularity_percentile=float(by_user(users, np.array(percentiles[name])).mean()),
            to_popularity=_difference(ndcg, name, "popularity"),
            to_text=_difference(ndcg, name, "text alone"),
        )
        for name, ranked in found.items()
    )


def by_user(users: np.ndarray, values: FloatArray) -> FloatArray:
    """The mean over each user's topics, float64 [users], in the order of their names."""
    _, place = np.unique(users, return_inverse=True)
    means: FloatArray = np.bincount(place, values) / np.bincount(place)
    return means


def _difference(ndcg: dict[str, FloatArray], name: str, reference: str) -> Difference | None:
    return None if name == reference else paired_bootstrap(ndcg[name], ndcg[reference])


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _skipped(protocol: str, why: str) -> TasteMeasured:
    return TasteMeasured(protocol, 0, 0, (), skipped=why)
