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
from indexing.measure.pools import Pools, collect, joined
from indexing.measure.protocols import in_place, known_item, tag_out
from indexing.measure.protocols.tastes import ITEM_TO_ITEM, PERSONAL, taste_protocols
from indexing.measure.rankings import rank_texts
from indexing.measure.systems import LEADING, engine
from indexing.measure.topic import SEED, Protocol, Topic
from indexing.measure.verdict import Judged, Tuned, Tuning
from shortlist.bundle.arrays import FloatArray
from shortlist.bundle.profiles import Profile
from shortlist.encoder.machine import available_cores
from shortlist.engine.features import Source, available_features, features_from, weighs
from shortlist.engine.query import MAX_CANDIDATES
from shortlist.errors import CatalogError

TRAINING_CARRIERS = 2
"""Rarer tags than are judged by: there are twice as many to learn from."""

MAX_TRAINING = 600
DEPTHS = (50, 100, 200, 400)
POPULAR = (0, 250, 500, 1000)
PRICES = (0.0, 0.05, 0.1)
"""What the sum of the weights may cost, in units of what is maximised."""

COST = 5e-6
"""What a candidate more has to bring: half a thousandth of what is maximised per hundred."""

SHARES = {
    tag_out.NAME: {"nDCG@10": 0.15, "R@50": 0.15},
    known_item.NAME: {"RR": 0.6},
    **{f"{in_place.NAME}, {kind}": {"P@10": 0.07, "nDCG@10": 0.07} for kind in in_place.KINDS},
}
TASTE_SHARES = {"nDCG@10": 0.5, "Recall@20": 0.5}
TASTE_DEPTHS = {"n_candidates": 100, "n_neighbours": 200}

GUESS = {
    "similarity": 1.0, "words": 0.4, "coverage": 0.3, "labels": 0.3, "title_match": 1.2,
    "title_prefix": 0.4, "rating_volume": 0.3,
}  # fmt: skip
TASTE_GUESS = {"similarity": 0.2, "rating_volume": 0.1}
"""What carries most elsewhere: where the ascent begins."""

_JUDGED_BY = {**{name: tuple(shares) for name, shares in SHARES.items()}}
_JUDGED_BY[known_item.NAME] = ("Success@1", "RR")


def tune(subject: Subject, *, n_jobs: int | None = None) -> Tuning:
    """Learn profiles. Raises CatalogError for a catalogue that has nothing to learn from."""
    return Tuning(
        catalog=subject.bundle.manifest.catalog.name,
        version=subject.bundle.version,
        search=tune_search(subject, n_jobs=n_jobs),
        tastes=tune_tastes(subject, n_jobs=n_jobs),
    )


def write_profile(catalog_path: Path, name: str, profile: Profile) -> None:
    """Put the profile into catalog.toml, everything else in it as it was."""
    document = tomlkit.parse(catalog_path.read_text(encoding="utf-8"))
    unused: set[str] = set() if weighs(profile.weights, Source.LIKES) else {"n_neighbours"}
    table, weights = tomlkit.table(), tomlkit.inline_table()
    weights.update(profile.weights)
    table.update({**profile.model_dump(exclude=unused), "weights": weights})
    table.add(tomlkit.nl())
    profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    profiles[name] = table
    catalog_path.write_text(tomlkit.dumps(document), encoding="utf-8")


def tune_search(subject: Subject, *, n_jobs: int | None = None) -> Tuned:
    """Learn from titles, tags and categories what texts are ranked by; similarity weighs 1."""
    manifest = subject.bundle.manifest
    whole = [subject.known_item(), *_by_kind(in_place.words_in_place(subject.catalog))]
    judging, training = (
        _usable(tag_out.leave_tag_out(subject.catalog, subject.corpus, least_carriers=n), *whole)
        for n in (tag_out.LEAST_CARRIERS, TRAINING_CARRIERS)
    )
    names = available_features(subject.bundle)
    drawn = {protocol.name: _drawn(protocol) for protocol in training}
    groups = _training_pools(subject, list(drawn.values()), names)
    shares = [SHARES[name] for name, topics in drawn.items() if topics]
    before = ascent.means_of(groups, shares, manifest.profiles[manifest.default_profile])
    start, grids = _start(names, GUESS, "similarity", n_candidates=100, n_popular=250)
    grids |= {"n_candidates": DEPTHS, "n_popular": POPULAR}
    lesson = ascent.Lesson(groups, shares, before, start, grids, cost=COST, prices=PRICES)
    profile = ascent.learn(lesson, n_jobs=n_jobs)
    judged = [one for each in judging for one in _judge(subject, each, profile, n_jobs)]
    n_training = sum(pools.n_units for pools in groups)
    return Tuned(manifest.default_profile, profile, n_training, tuple(judged))


def _start(
    names: Sequence[str], guess: Mapping[str, float], fixed: str, **depths: int
) -> tuple[Profile, dict[str, Sequence[float]]]:
    """Where the ascent begins, and a grid for each weight but one: only their ratios matter."""
    weights = {name: guess[name] for name in names if name in guess}
    grids: dict[str, Sequence[float]] = {name: ascent.WEIGHTS for name in names if name != fixed}
    return Profile(weights=weights, **depths), grids


def _by_kind(protocol: Protocol) -> list[Protocol]:
    """Words in place as a protocol each of tags, of categories and of pairs, which count alike."""
    kinds = {} if protocol.skipped else dict.fromkeys(topic.kind for topic in protocol.topics)
    return [
        replace(
            protocol,
            name=f"{protocol.name}, {kind}",
            topics=tuple(topic for topic in protocol.topics if topic.kind == kind),
        )
        for kind in kinds
    ]


def _usable(*found: Protocol) -> list[Protocol]:
    if all(protocol.skipped for protocol in found):
        raise CatalogError("; ".join(str(protocol.skipped) for protocol in found))
    return [protocol for protocol in found if not protocol.skipped]


def _drawn(protocol: Protocol) -> list[Topic]:
    """All training topics of a protocol, or a seeded draw of 600."""
    topics = [topic for topic in protocol.topics if not topic.held_out]
    draw = random.Random(SEED)  # noqa: S311  # repeatable, no secret
    return draw.sample(topics, min(MAX_TRAINING, len(topics)))


def _training_pools(
    subject: Subject, drawn: Sequence[Sequence[Topic]], names: Sequence[str]
) -> list[Pools]:
    """The deepest pools of these topics, as many groups."""
    topics = [topic for each in drawn for topic in each]
    encoded = zip(topics, encode_topics(subject.encoder, topics), strict=True)
    bar = tqdm(encoded, total=len(topics), desc="collecting", unit="query", disable=None)
    deepest = {"n_candidates": DEPTHS[-1], "n_popular": MAX_CANDIDATES}
    options = {**deepest, "weights": dict.fromkeys(names, 1.0)}
    pools = (collect(one, overlay(subject.snapshot, one, vectors), options) for one, vectors in bar)
    return [joined([next(pools) for _ in each], each) for each in drawn if each]


def _judge(
    subject: Subject, protocol: Protocol, learnt: Profile, n_jobs: int | None
) -> list[Judged]:
    """By the engine, with exactly the learnt profile: what the default weighs beside it is 0."""
    topics = tuple(topic for topic in protocol.topics if topic.held_out)
    if not topics:
        return []
    manifest, metrics = subject.bundle.manifest, _JUDGED_BY[protocol.name]
    unset = dict.fromkeys(manifest.profiles[manifest.default_profile].weights, 0.0)
    depths = {"n_candidates": learnt.n_candidates, "n_popular": learnt.n_popular}
    before = engine("before", profile=manifest.default_profile)
    after = engine("learnt", weights={**unset, **learnt.weights}, **depths)
    held_out = replace(protocol, topics=topics)
    found = rank_texts(subject.snapshot, subject.encoder, held_out, [before, after], n_jobs=n_jobs)
    values = {name: measure(topics, rankings, metrics) for (_, name), rankings in found.items()}
    return [_judged(protocol.name, metric, values) for metric in metrics]


def _judged(protocol: str, metric: str, values: Mapping[str, Mapping[str, FloatArray]]) -> Judged:
    before, learnt = values["before"][metric], values["learnt"][metric]
    trees = values.get("trees", {}).get(metric)
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
    profiles = {name: role for name, role in roles.items() if role != manifest.default_profile}
    of_titles = features_from(Source.TITLES)
    features = available_features(bundle, taste=True)
    weights = {name: 1.0 for name in features if name not in of_titles}
    options = {"n_candidates": TASTE_DEPTHS["n_candidates"], "weights": weights}
    protocols, folds = taste_protocols(subject.catalog)
    asked = [one for one in protocols if profiles.get(one.name) and not one.skipped]
    work = partial(_collect_fold, options=options)
    pools = list(in_each_fold(work, subject.snapshot, subject.catalog, asked, folds, n_jobs=n_jobs))
    tuned = []
    for protocol in asked:
        own = [pool for fold in pools for pool in fold.get(protocol.name, [])]
        name = str(profiles[protocol.name])
        tuned.append(_tune_taste(protocol, own, name, manifest.profiles[name], n_jobs))
    return tuple(one for one in tuned if one is not None)


def _collect_fold(
    learnt: Learnt, asked: Asked, *, options: Mapping[str, Any]
) -> dict[str, list[Pools]]:
    return {
        protocol: [collect(topic, learnt.snapshot, options) for topic in topics]
        for protocol, topics in asked.items()
    }


def _tune_taste(
    protocol: Protocol, pools: Sequence[Pools], name: str, before: Profile, n_jobs: int | None
) -> Tuned | None:
    """Learn on half of the users, judge on the others, beside a learned ranker.

    What the words say of similar items is not for likes to judge: their weights stay.
    """
    held_out = np.array([topic.held_out for topic in protocol.topics])
    if held_out.all() or not held_out.any():
        return None
    training, judging = (
        joined([pools[place] for place in half], [protocol.topics[place] for place in half])
        for half in (np.flatnonzero(~held_out).tolist(), np.flatnonzero(held_out).tolist())
    )
    leading = LEADING[protocol.name == ITEM_TO_ITEM]
    guess = {**TASTE_GUESS, leading: 1.0}
    of_words = features_from(Source.WORDS, Source.LABELS)
    guess |= {name: before.weights.get(name, 0.0) for name in of_words}
    start, grids = _start(training.names, guess, leading, **TASTE_DEPTHS)
    grids = {name: grid for name, grid in grids.items() if name not in of_words}
    goal = ascent.means_of([training], [TASTE_SHARES], start)
    lesson = ascent.Lesson([training], [TASTE_SHARES], goal, start, grids)
    profile = ascent.learn(lesson, n_jobs=n_jobs)
    scores = {
        "before": judging.weighed(before),
        "learnt": judging.weighed(profile),
        "trees": _learn_trees(training)(judging.features),
    }
    values = {each: judging.values(ranked, list(TASTE_SHARES)) for each, ranked in scores.items()}
    judged = tuple(_judged(protocol.name, metric, values) for metric in TASTE_SHARES)
    return Tuned(name, profile, training.n_units, judged)


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
