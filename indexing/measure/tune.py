"""Tuning's table of contents: learn on one half, judge on the other, write what was gained."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit
from tqdm import tqdm

from indexing.measure import ascent
from indexing.measure.evaluate import Subject
from indexing.measure.learnt import Asked, Learnt, in_each_fold
from indexing.measure.metrics import measure, paired_bootstrap
from indexing.measure.overlay import encode_topics, overlay
from indexing.measure.pools import Case, Pools, as_pools, collect
from indexing.measure.protocols import known_item, tag_out
from indexing.measure.protocols.tastes import ITEM_TO_ITEM, PERSONAL, taste_protocols
from indexing.measure.rankings import rank_texts
from indexing.measure.systems import LEADING, Engine
from indexing.measure.topic import FloatArray, Protocol, Topic
from indexing.measure.verdict import Judged, Tuned, Tuning
from shortlist.bundle.manifest import TASTE_FEATURES, TITLE_FEATURES, Profile
from shortlist.encoder.machine import available_cores
from shortlist.engine import MAX_CANDIDATES
from shortlist.engine.plan import available_features
from shortlist.errors import CatalogError

SEED = 20261124
TRAINING_CARRIERS = 2
"""Rarer tags than are judged by: there are twice as many to learn from."""

MAX_TRAINING = 600
DEPTHS = (50, 100, 200, 400)
POPULAR = (0, 250, 500, 1000)
PRICES = (0.0, 0.05, 0.1)
"""What the sum of the weights may cost, in units of the goal."""

COST = 5e-6
"""What a candidate more has to bring: half a thousandth of the goal per hundred."""

SHARES = {"nDCG@10": 0.25, "R@50": 0.25, "RR": 0.5}
TASTE_SHARES = {"nDCG@10": 0.5, "Recall@20": 0.5}
N_CANDIDATES, N_NEIGHBOURS = 100, 200

_LEARNT_BY = {tag_out.NAME: ("nDCG@10", "R@50"), known_item.NAME: ("RR",)}
_JUDGED_BY = {tag_out.NAME: ("nDCG@10", "R@50"), known_item.NAME: ("Success@1", "RR")}


def tune(subject: Subject, *, n_jobs: int | None = None) -> Tuning:
    """Learn profiles. Raises CatalogError for a catalogue that has nothing to learn from."""
    manifest = subject.bundle.manifest
    return Tuning(
        catalog=manifest.catalog.name,
        version=subject.bundle.version,
        search=_tune_search(subject, n_jobs),
        tastes=tune_tastes(subject, n_jobs=n_jobs),
    )


def write_profile(catalog_path: Path, name: str, profile: Profile) -> None:
    """Put the profile into catalog.toml, everything else in it as it was."""
    document = tomlkit.parse(catalog_path.read_text(encoding="utf-8"))
    table = tomlkit.table()
    table["n_candidates"] = profile.n_candidates
    table["n_popular"] = profile.n_popular
    if any(profile.weights.get(name) for name in TASTE_FEATURES):
        table["n_neighbours"] = profile.n_neighbours
    weights = tomlkit.inline_table()
    weights.update(profile.weights)
    table["weights"] = weights
    table.add(tomlkit.nl())
    profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    profiles[name] = table
    catalog_path.write_text(tomlkit.dumps(document), encoding="utf-8")


def _tune_search(subject: Subject, n_jobs: int | None) -> Tuned:
    """Tags and titles count half each."""
    known = subject.known_item()
    judging, training = (
        _usable(tag_out.leave_tag_out(subject.catalog, subject.corpus, least_carriers=n), known)
        for n in (tag_out.LEAST_CARRIERS, TRAINING_CARRIERS)
    )
    manifest = subject.bundle.manifest
    default = manifest.profiles[manifest.default_profile]
    names = available_features(subject.bundle)
    groups = _training_pools(subject, training, names)
    before = ascent.means_of(groups, default)
    coordinates = [
        *ascent.weight_coordinates(names, fixed="similarity"),
        ascent.depth_coordinate("n_candidates", DEPTHS),
        ascent.depth_coordinate("n_popular", POPULAR),
    ]
    profile = ascent.learn(
        groups, _goal(SHARES, before, cost=COST, prices=PRICES), _start(names), coordinates,
        n_jobs=n_jobs,
    )  # fmt: skip
    return Tuned(
        compared_with=manifest.default_profile,
        profile=profile,
        n_training=sum(pools.n_units for pools in groups),
        judged=tuple(
            one for protocol in judging for one in _judge(subject, protocol, profile, n_jobs)
        ),
    )


def _usable(*found: Protocol) -> list[Protocol]:
    usable = [protocol for protocol in found if not protocol.skipped]
    if not usable:
        raise CatalogError("; ".join(str(protocol.skipped) for protocol in found))
    return usable


def _training_pools(
    subject: Subject, protocols: Sequence[Protocol], names: Sequence[str]
) -> list[Pools]:
    """The deepest pools of up to 600 topics of each protocol, a seeded draw."""
    drawn = {protocol.name: _drawn(protocol) for protocol in protocols}
    topics = [topic for each in drawn.values() for topic in each]
    deepest = {"n_candidates": DEPTHS[-1], "n_popular": MAX_CANDIDATES}
    engine = Engine("deepest", {**deepest, "weights": dict.fromkeys(names, 1.0)})
    encoded = encode_topics(subject.encoder, topics)
    cases = [
        collect(engine, topic, overlay(subject.snapshot, topic, vectors))
        for topic, vectors in tqdm(
            zip(topics, encoded, strict=True), desc="collecting", total=len(topics), disable=None
        )
    ]
    begins = np.cumsum([len(each) for each in drawn.values()])[:-1]
    return [
        as_pools(cases[begin:][: len(each)], _LEARNT_BY[name])
        for begin, (name, each) in zip([0, *begins.tolist()], drawn.items(), strict=True)
        if each
    ]


def _drawn(protocol: Protocol) -> list[Topic]:
    topics = [topic for topic in protocol.topics if not topic.held_out]
    return random.Random(SEED).sample(topics, min(MAX_TRAINING, len(topics)))  # noqa: S311


def _goal(shares: Mapping[str, float], before: Mapping[str, float], **priced: Any) -> ascent.Goal:
    return ascent.Goal(shares, {name: max(mean, 1e-6) for name, mean in before.items()}, **priced)


def _start(names: Sequence[str]) -> Profile:
    """Similarity with the features that carry most elsewhere."""
    guess = {"similarity": 1.0, "rating_volume": 0.3, "title_match": 1.0}
    weights = {name: guess[name] for name in names if name in guess}
    return Profile(n_candidates=100, n_popular=250, weights=weights)


def _judge(
    subject: Subject, protocol: Protocol, learnt: Profile, n_jobs: int | None
) -> list[Judged]:
    """By the engine, with exactly the learnt profile: what the default weighs beside it is 0."""
    topics = tuple(topic for topic in protocol.topics if topic.held_out)
    if not topics:
        return []
    manifest = subject.bundle.manifest
    unset = dict.fromkeys(manifest.profiles[manifest.default_profile].weights, 0.0)
    options = {
        "n_candidates": learnt.n_candidates,
        "n_popular": learnt.n_popular,
        "weights": {**unset, **learnt.weights},
    }
    systems = [Engine("learnt", options), Engine("before", {"profile": manifest.default_profile})]
    held_out = replace(protocol, topics=topics)
    found = rank_texts(subject.snapshot, subject.encoder, held_out, systems, n_jobs=n_jobs)
    metrics = _JUDGED_BY[protocol.name]
    values = {name: measure(topics, rankings, metrics) for name, rankings in found.items()}
    return [_judged(protocol.name, metric, values) for metric in metrics]


def _judged(protocol: str, metric: str, values: Mapping[str, Mapping[str, FloatArray]]) -> Judged:
    before, learnt = values["before"][metric], values["learnt"][metric]
    trees = values["trees"][metric] if "trees" in values else None
    return Judged(
        protocol=protocol,
        metric=metric,
        n_judged=len(before),
        before=float(before.mean()),
        learnt=float(learnt.mean()),
        difference=paired_bootstrap(learnt, before),
        trees=None if trees is None else float(trees.mean()),
        trees_difference=None if trees is None else paired_bootstrap(trees, learnt),
    )


def tune_tastes(subject: Subject, *, n_jobs: int | None = None) -> tuple[Tuned, ...]:
    """Learn both profiles of a taste; none for a bundle without neighbours.

    A profile that searches or both kinds of lists are ranked by is left alone, and so is one
    that too few users speak of.
    """
    bundle, manifest = subject.bundle, subject.bundle.manifest
    roles = {ITEM_TO_ITEM: manifest.similar_profile, PERSONAL: manifest.recommend_profile}
    if bundle.sections.neighbours is None or len(set(roles.values())) < len(roles):
        return ()
    names = [name for name in available_features(bundle, taste=True) if name not in TITLE_FEATURES]
    protocols, folds = taste_protocols(subject.catalog)
    asked = [
        one for one in protocols if roles.get(one.name) not in (None, manifest.default_profile)
    ]
    options = {"n_candidates": N_CANDIDATES, "weights": dict.fromkeys(names, 1.0)}
    collected = in_each_fold(
        partial(_collect_fold, engine=Engine("taste", options)),
        subject.snapshot, subject.catalog, asked, folds, n_jobs=n_jobs,
    )  # fmt: skip
    cases: dict[str, list[Case]] = {}
    for found in collected:
        for protocol, each in found.items():
            cases.setdefault(protocol, []).extend(each)
    tuned = (
        _tune_taste(cases[protocol], protocol, name, manifest.profiles[name], n_jobs)
        for protocol, name in roles.items()
        if name is not None and protocol in cases
    )
    return tuple(one for one in tuned if one is not None)


def _collect_fold(learnt: Learnt, asked: Asked, *, engine: Engine) -> dict[str, list[Case]]:
    return {
        protocol: [collect(engine, topic, learnt.snapshot) for topic in topics]
        for protocol, topics in asked.items()
    }


def _tune_taste(
    cases: Sequence[Case], protocol: str, name: str, before: Profile, n_jobs: int | None
) -> Tuned | None:
    """Learn on half of the users, judge on the others, beside a learned ranker."""
    halves = [[case for case in cases if case.topic.held_out is here] for here in (False, True)]
    if not all(halves):
        return None
    training, held_out = (as_pools(half, list(TASTE_SHARES)) for half in halves)
    leading = LEADING[protocol == ITEM_TO_ITEM]
    start = _taste_start(training.names, leading)
    profile = ascent.learn(
        [training],
        _goal(TASTE_SHARES, ascent.means_of([training], start)),
        start,
        ascent.weight_coordinates(training.names, fixed=leading),
        n_jobs=n_jobs,
    )
    values = {
        "before": held_out.values(held_out.weighed(before)),
        "learnt": held_out.values(held_out.weighed(profile)),
        "trees": held_out.values(_learn_trees(training)(held_out.features)),
    }
    return Tuned(
        compared_with=name,
        profile=profile,
        n_training=training.n_units,
        judged=tuple(_judged(protocol, metric, values) for metric in TASTE_SHARES),
    )


def _taste_start(names: Sequence[str], leading: str) -> Profile:
    """The leading feature, a little text and volume."""
    guess = {leading: 1.0, "similarity": 0.2, "rating_volume": 0.1}
    return Profile(
        n_candidates=N_CANDIDATES,
        n_neighbours=N_NEIGHBOURS,
        weights={name: guess[name] for name in names if name in guess},
    )


def _learn_trees(pools: Pools) -> Callable[[FloatArray], FloatArray]:
    """What scores candidates after LightGBM's LambdaMART has learnt from these pools.

    150 trees of 15 leaves, at least 100 candidates in each, learning rate 0.05; the loss looks at
    the first 20. Source: Burges 2010, "From RankNet to LambdaRank to LambdaMART".
    """
    from lightgbm import LGBMRanker

    model = LGBMRanker(
        objective="lambdarank", n_estimators=150, learning_rate=0.05, num_leaves=15,
        min_child_samples=100, lambdarank_truncation_level=20, random_state=SEED,
        deterministic=True, force_row_wise=True, n_jobs=available_cores(), verbose=-1,
    )  # fmt: skip
    model.fit(pools.features, pools.relevant.astype(np.int8), group=pools.sizes)
    return lambda features: np.asarray(model.predict(features), dtype=np.float64)
