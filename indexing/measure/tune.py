"""Tuning's table of contents: learn on one half, judge on the other, write what was gained."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tomlkit
from tqdm import tqdm

from indexing.measure import known_item as known
from indexing.measure import tag_out
from indexing.measure.evaluate import KNOWN_DEPTH, Subject
from indexing.measure.metrics import Difference, FloatArray, measure, paired_bootstrap
from indexing.measure.run import rankings
from indexing.measure.systems import DEPTH, Engine
from indexing.measure.topics import Protocol, Topic
from indexing.measure.tune_taste import TasteTuning, tastes_as_markdown, tune_tastes
from indexing.measure.tuning import (
    MAX_KNOWN,
    Objective,
    collect,
    learn,
    mean_values,
    starting_profile,
)
from shortlist.bundle.manifest import TASTE_FEATURES, Profile
from shortlist.engine import SearchQuery
from shortlist.errors import CatalogError

SEED = 20261124
TRAINING_CARRIERS = 2
"""Rarer tags than are judged by: there are twice as many to learn from."""

_METRICS = {tag_out.NAME: ("nDCG@10", "R@50"), known.NAME: ("Success@1", "RR")}
_DEPTHS = {tag_out.NAME: DEPTH, known.NAME: KNOWN_DEPTH}


@dataclass(frozen=True)
class Judged:
    """One metric of the learnt profile and of the one before, on held-out queries."""

    protocol: str
    metric: str
    n_queries: int
    learnt: float
    before: float
    difference: Difference


@dataclass(frozen=True)
class Tuning:
    """A learnt profile and what it gains over the default one."""

    catalog: str
    version: str
    compared_with: str
    profile: Profile
    n_training: int
    judged: tuple[Judged, ...]
    tastes: tuple[TasteTuning, ...] = ()

    @property
    def significant(self) -> bool:
        """Whether some metric rose beyond chance and none fell beyond it."""
        rose = any(one.difference.low > 0 for one in self.judged)
        fell = any(one.difference.high < 0 for one in self.judged)
        return rose and not fell


def tune(subject: Subject) -> Tuning:
    """Learn a profile. Raises CatalogError for a catalogue that has nothing to learn from."""
    protocols = _protocols(subject, least_carriers=tag_out.LEAST_CARRIERS)
    training = [
        topic
        for protocol in _protocols(subject, least_carriers=TRAINING_CARRIERS)
        for topic in _drawn([topic for topic in protocol.topics if not topic.held_out])
    ]
    start, names = starting_profile(subject.snapshot)
    cases = collect(subject.snapshot, subject.encoder, training, names=names)
    manifest = subject.bundle.manifest
    default = manifest.profiles[manifest.default_profile]
    objective = Objective(cases, names, mean_values(cases, default, names))
    with tqdm(desc="learning", unit="step", disable=None) as bar:
        learnt = learn(objective, start, on_step=bar.update)
    return Tuning(
        catalog=manifest.catalog.name,
        version=subject.bundle.version,
        compared_with=manifest.default_profile,
        profile=learnt,
        n_training=len(training),
        judged=tuple(
            judged for protocol in protocols for judged in _judge(subject, protocol, learnt)
        ),
        tastes=tune_tastes(subject.snapshot, subject.catalog),
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


def write_tuning(tuning: Tuning, folder: Path) -> list[Path]:
    """Write tuning-<catalogue>.md and .json; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f"tuning-{tuning.catalog}"
    base.with_suffix(".md").write_text(f"{as_markdown(tuning)}\n", encoding="utf-8")
    described = {
        **asdict(tuning),
        "profile": tuning.profile.model_dump(mode="json"),
        "significant": tuning.significant,
        "tastes": [
            {
                **asdict(one),
                "profile": one.profile.model_dump(mode="json"),
                "significant": one.significant,
                "trees_win": one.trees_win,
            }
            for one in tuning.tastes
        ],
    }
    text = json.dumps(described, indent=1)
    base.with_suffix(".json").write_text(f"{text}\n", encoding="utf-8")
    return [base.with_suffix(".md"), base.with_suffix(".json")]


def as_markdown(tuning: Tuning) -> str:
    """The verdict, the profile, and the evidence."""
    weights = ", ".join(f"{name} = {value:g}" for name, value in tuning.profile.weights.items())
    verdict = "a significant gain" if tuning.significant else "no significant gain"
    rows = [
        f"| {one.protocol} | {one.metric} | {one.n_queries:,} | {one.before:.3f} |"
        f" {one.learnt:.3f} | {one.difference} |"
        for one in tuning.judged
    ]
    return "\n".join(
        [
            f"Catalogue {tuning.catalog}: {verdict} over profile {tuning.compared_with}.",
            "",
            f"Learnt from {tuning.n_training:,} queries: n_candidates ="
            f" {tuning.profile.n_candidates}, n_popular = {tuning.profile.n_popular}, weights"
            f" {weights}.",
            "",
            "On the queries held out:",
            "",
            f"| protocol | metric | queries | {tuning.compared_with} | learnt | difference, 95 % |",
            "|---|---|---:|---:|---:|---:|",
            *rows,
            *(["", tastes_as_markdown(tuning.tastes)] if tuning.tastes else []),
        ]
    )


def _protocols(subject: Subject, *, least_carriers: int) -> list[Protocol]:
    items = subject.catalog.items
    found = [
        tag_out.leave_tag_out(subject.catalog, subject.corpus, least_carriers=least_carriers),
        known.known_item(items.titles.tolist(), items.ids.tolist()),
    ]
    usable = [protocol for protocol in found if not protocol.skipped]
    if not usable:
        raise CatalogError("; ".join(str(protocol.skipped) for protocol in found))
    return usable


def _drawn(topics: list[Topic]) -> list[Topic]:
    """All training topics of a protocol, or a seeded draw of 600."""
    return random.Random(SEED).sample(topics, min(MAX_KNOWN, len(topics)))  # noqa: S311


def _judge(subject: Subject, protocol: Protocol, learnt: Profile) -> list[Judged]:
    topics = tuple(topic for topic in protocol.topics if topic.held_out)
    if not topics:
        return []
    before = subject.bundle.manifest.default_profile
    systems = [
        _engine("learnt", learnt, subject),
        Engine("before", SearchQuery("", profile=before)),
    ]
    found = rankings(
        subject.snapshot,
        subject.encoder,
        Protocol(protocol.name, topics),
        systems,
        depth=_DEPTHS[protocol.name],
    )
    names = _METRICS[protocol.name]
    values = {name: measure(topics, ranked, names) for name, ranked in found.items()}
    return [_judged(protocol, metric, values) for metric in names]


def _judged(
    protocol: Protocol, metric: str, values: Mapping[str, Mapping[str, FloatArray]]
) -> Judged:
    learnt, before = values["learnt"][metric], values["before"][metric]
    return Judged(
        protocol=protocol.name,
        metric=metric,
        n_queries=len(learnt),
        learnt=float(np.mean(learnt)),
        before=float(np.mean(before)),
        difference=paired_bootstrap(learnt, before),
    )


def _engine(name: str, profile: Profile, subject: Subject) -> Engine:
    """The engine with exactly this profile: what the default one weighs beside it is put to 0."""
    manifest = subject.bundle.manifest
    unset: Sequence[str] = list(manifest.profiles[manifest.default_profile].weights)
    weights = {**dict.fromkeys(unset, 0.0), **profile.weights}
    query = SearchQuery(
        "", n_candidates=profile.n_candidates, n_popular=profile.n_popular, weights=weights
    )
    return Engine(name, query)
