"""Every topic through every system, by many processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd

from indexing.catalog import Catalog
from indexing.measure.learnt import Asked, Learnt, Opened, in_each_fold, in_parallel
from indexing.measure.overlay import Encoded, encode_topics, overlay
from indexing.measure.protocols.steered import STEERED
from indexing.measure.protocols.tastes import DEPTH as TASTE_DEPTH
from indexing.measure.protocols.tastes import ITEM_TO_ITEM, SEARCHED
from indexing.measure.references import POPULARITY, RANDOM, REGULARISATION, references
from indexing.measure.searched import searched_engines
from indexing.measure.systems import System, steered_engines, taste_engines
from indexing.measure.topic import Protocol
from indexing.neighbours.ease import Ease
from indexing.neighbours.models import Model, choose
from shortlist.bundle.arrays import RowArray
from shortlist.encoder.runtime import Encoder
from shortlist.engine.snapshot import Snapshot

Rankings = dict[tuple[str, str], list[RowArray]]
"""By protocol and system the rankings (rows int64, best first), one a topic in order."""

CHUNK = 200


def rank_texts(
    snapshot: Snapshot,
    encoder: Encoder,
    protocol: Protocol,
    systems: Sequence[System],
    *,
    n_jobs: int | None = None,
) -> Rankings:
    """The rankings of a protocol whose topics are texts, to its depth."""
    topics, encoded = protocol.topics, encode_topics(encoder, protocol.topics)
    work = partial(_rank_chunk, Opened(snapshot), systems)
    chunks = [slice(begin, begin + CHUNK) for begin in range(0, len(topics), CHUNK)]
    tasks = [(replace(protocol, topics=topics[chunk]), encoded[chunk]) for chunk in chunks]
    return _joined(in_parallel(work, tasks, n_jobs=n_jobs, desc=protocol.name))


def _rank_chunk(
    opened: Opened, systems: Sequence[System], part: Protocol, encoded: Sequence[Encoded]
) -> Rankings:
    found: Rankings = {(part.name, system.name): [] for system in systems}
    for topic, vectors in zip(part.topics, encoded, strict=True):
        overlaid = overlay(opened.snapshot, topic, vectors)
        for system in systems:
            found[part.name, system.name].append(system.rank(topic, overlaid)[: part.depth])
    return found


def rank_tastes(
    snapshot: Snapshot,
    catalog: Catalog,
    protocols: Sequence[Protocol],
    folds: Sequence[pd.DataFrame],
    *,
    n_jobs: int | None = None,
) -> Rankings:
    """The rankings of protocols whose topics are tastes; a fold is learnt once for all of them.

    EASE is among the references where every fold affords it.
    """
    profiles = [name for name in ("notebook",) if name in snapshot.bundle.manifest.profiles]
    n_users = [others["user"].nunique() for others in folds]
    chosen = {choose(Model.AUTO, n_users=n, n_items=catalog.n_items) for n in n_users}
    work = partial(_rank_fold, profiles=profiles, with_ease=chosen <= {Model.EASE})
    return _joined(in_each_fold(work, snapshot, catalog, protocols, folds, n_jobs=n_jobs))


def _rank_fold(learnt: Learnt, asked: Asked, *, profiles: list[str], with_ease: bool) -> Rankings:
    matrix = learnt.likes.matrix
    ease = Ease(matrix, regularisation=REGULARISATION) if with_ease else None
    learnt_once = [RANDOM, POPULARITY, *references(learnt.likes, ease)]
    return {
        (name, system.name): [system.rank(topic, learnt.snapshot)[:TASTE_DEPTH] for topic in topics]
        for name, topics in asked.items()
        for system in _systems(name, learnt_once, profiles)
    }


def _systems(protocol: str, learnt_once: list[System], profiles: list[str]) -> list[System]:
    if protocol == STEERED:
        return steered_engines()
    if protocol == SEARCHED:
        return searched_engines()
    return [*learnt_once, *taste_engines(profiles, similar=protocol == ITEM_TO_ITEM)]


def _joined(parts: Iterable[Rankings]) -> Rankings:
    """One part's rankings after the other's."""
    whole: Rankings = {}
    for part in parts:
        for key, rankings in part.items():
            whole.setdefault(key, []).extend(rankings)
    return whole
