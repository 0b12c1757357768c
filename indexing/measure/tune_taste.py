"""Tuning of tastes: learn on half of the users, judge on the others, beside a learned ranker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from indexing.catalog import Catalog
from indexing.measure.learned_ranker import learn_trees
from indexing.measure.metrics import Difference, FloatArray, paired_bootstrap
from indexing.measure.taste_systems import LEADING
from indexing.measure.taste_tuning import (
    NDCG,
    RECALL,
    TasteCase,
    collect_tastes,
    learn_taste,
    taste_features,
    taste_start,
    taste_values,
)
from indexing.measure.tastes import ITEM_TO_ITEM, PERSONAL
from shortlist.bundle.manifest import Profile
from shortlist.engine.snapshot import Snapshot


@dataclass(frozen=True)
class TasteJudged:
    """One metric on held-out users, the same pools ranked by three: means and differences.

    `gain` is learnt minus before, `trees_gain` that of the learned ranker to the learnt profile.
    """

    metric: str
    n_users: int
    before: float
    learnt: float
    trees: float
    gain: Difference
    trees_gain: Difference


@dataclass(frozen=True)
class TasteTuning:
    """A learnt profile of similar items or of recommendations, and what it gains."""

    protocol: str
    name: str
    profile: Profile
    n_training_users: int
    judged: tuple[TasteJudged, ...]

    @property
    def significant(self) -> bool:
        """Whether some metric rose beyond chance and none fell beyond it."""
        rose = any(one.gain.low > 0 for one in self.judged)
        return rose and not any(one.gain.high < 0 for one in self.judged)

    @property
    def trees_win(self) -> bool:
        """Whether the learned ranker beats the linear one in nDCG@10 beyond chance."""
        return any(one.metric == NDCG and one.trees_gain.low > 0 for one in self.judged)


def tune_tastes(snapshot: Snapshot, catalog: Catalog) -> tuple[TasteTuning, ...]:
    """Learn both profiles of a taste; none for a bundle without neighbours.

    A profile that searches or both kinds of lists are ranked by is left alone, and so is one
    that too few users speak of.
    """
    manifest = snapshot.bundle.manifest
    roles = {ITEM_TO_ITEM: manifest.similar_profile, PERSONAL: manifest.recommend_profile}
    if snapshot.bundle.sections.neighbours is None or len(set(roles.values())) < len(roles):
        return ()
    found = (
        _tune(snapshot, catalog, protocol, name)
        for protocol, name in roles.items()
        if name is not None and name != manifest.default_profile
    )
    return tuple(one for one in found if one is not None)


def _tune(snapshot: Snapshot, catalog: Catalog, protocol: str, name: str) -> TasteTuning | None:
    names = taste_features(snapshot)
    cases = collect_tastes(snapshot, catalog, protocol, names)
    training = [case for case in cases if not case.held_out]
    held_out = [case for case in cases if case.held_out]
    if not training or not held_out:
        return None
    leading = LEADING[protocol == ITEM_TO_ITEM]
    with tqdm(desc=f"learning {name}", unit="step", disable=None) as bar:
        learnt = learn_taste(
            cases, names, taste_start(names, leading=leading), leading=leading, on_step=bar.update
        )
    trees = learn_trees(training)
    values = {
        "before": _linear(held_out, names, snapshot.bundle.manifest.profiles[name]),
        "learnt": _linear(held_out, names, learnt),
        "trees": taste_values(held_out, trees),
    }
    return TasteTuning(
        protocol=protocol,
        name=name,
        profile=learnt,
        n_training_users=len({case.user for case in training}),
        judged=tuple(_judged(metric, values) for metric in (NDCG, RECALL)),
    )


def _linear(
    cases: Sequence[TasteCase], names: Sequence[str], profile: Profile
) -> dict[str, FloatArray]:
    weights = np.array([profile.weights.get(name, 0.0) for name in names])
    return taste_values(cases, lambda case: case.features @ weights)


def _judged(metric: str, values: Mapping[str, Mapping[str, FloatArray]]) -> TasteJudged:
    before, learnt, trees = (values[name][metric] for name in ("before", "learnt", "trees"))
    return TasteJudged(
        metric=metric,
        n_users=len(before),
        before=float(before.mean()),
        learnt=float(learnt.mean()),
        trees=float(trees.mean()),
        gain=paired_bootstrap(learnt, before),
        trees_gain=paired_bootstrap(trees, learnt),
    )


def tastes_as_markdown(tunings: Sequence[TasteTuning]) -> str:
    """A verdict and a table for each."""
    return "\n\n".join(map(_described, tunings))


def _described(tuning: TasteTuning) -> str:
    weights = ", ".join(f"{name} = {value:g}" for name, value in tuning.profile.weights.items())
    verdict = "a significant gain" if tuning.significant else "no significant gain"
    trees = "beats" if tuning.trees_win else "does not beat"
    rows = [
        f"| {one.metric} | {one.n_users:,} | {one.before:.3f} | {one.learnt:.3f} |"
        f" {one.gain!s} | {one.trees:.3f} | {one.trees_gain!s} |"
        for one in tuning.judged
    ]
    return "\n".join(
        [
            f"{tuning.protocol.capitalize()}, profile {tuning.name}: {verdict}; a learned ranker"
            f" {trees} the learnt profile.",
            "",
            f"Learnt from {tuning.n_training_users:,} users: n_candidates ="
            f" {tuning.profile.n_candidates}, n_neighbours = {tuning.profile.n_neighbours},"
            f" weights {weights}.",
            "",
            f"| metric | held-out users | {tuning.name} | learnt | difference, 95 % | LambdaMART |"
            " difference to learnt, 95 % |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *rows,
        ]
    )
