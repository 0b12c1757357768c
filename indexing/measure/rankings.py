"""Every topic through every system, by many processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import pandas as pd

from indexing.catalog import Catalog
from indexing.measure.learnt import Asked, Learnt, Opened, in_each_fold, in_parallel
from indexing.measure.overlay import Encoded, encode_topics, overlay
from indexing.measure.protocols.tastes import DEPTH as TASTE_DEPTH
from indexing.measure.protocols.tastes import ITEM_TO_ITEM
from indexing.measure.systems import POPULARITY, RANDOM, System, references, taste_engines
from indexing.measure.topic import Protocol, RowArray, Topic
from indexing.neighbours.models import Model, choose
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
    topics, opened = protocol.topics, Opened(snapshot)
    work = partial(_rank_chunk, opened, systems, protocol.name, protocol.depth)
    encoded = encode_topics(encoder, topics)
    chunks = [slice(begin, begin + CHUNK) for begin in range(0, len(topics), CHUNK)]
    tasks = [(topics[chunk], encoded[chunk]) for chunk in chunks]
    return _joined(in_parallel(work, tasks, n_jobs=n_jobs, desc=protocol.name))


def _rank_chunk(
    opened: Opened,
    systems: Sequence[System],
    name: str,
    depth: int,
    topics: Sequence[Topic],
    encoded: Sequence[Encoded],
) -> Rankings:
    found: Rankings = {(name, system.name): [] for system in systems}
    for topic, vectors in zip(topics, encoded, strict=True):
        overlaid = overlay(opened.snapshot, topic, vectors)
        for system in systems:
            found[name, system.name].append(system.rank(topic, overlaid)[:depth])
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
    affords = all(_affords_ease(others, catalog.n_items) for others in folds)
    work = partial(_rank_fold, profiles=profiles, affords_ease=affords)
    return _joined(in_each_fold(work, snapshot, catalog, protocols, folds, n_jobs=n_jobs))


def _affords_ease(others: pd.DataFrame, n_items: int) -> bool:
    return choose(Model.AUTO, n_users=others["user"].nunique(), n_items=n_items) is Model.EASE


def _rank_fold(
    learnt: Learnt, asked: Asked, *, profiles: Sequence[str], affords_ease: bool
) -> Rankings:
    learnt_once = [RANDOM, POPULARITY, *references(learnt.likes, affords_ease=affords_ease)]
    return {
        (name, system.name): [system.rank(topic, learnt.snapshot)[:TASTE_DEPTH] for topic in topics]
        for name, topics in asked.items()
        for system in [*learnt_once, *taste_engines(profiles, similar=name == ITEM_TO_ITEM)]
    }


def _joined(parts: Iterable[Rankings]) -> Rankings:
    """One part's rankings after the other's."""
    whole: Rankings = {}
    for part in parts:
        for key, rankings in part.items():
            whole.setdefault(key, []).extend(rankings)
    return whole
