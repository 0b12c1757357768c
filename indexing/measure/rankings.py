"""Every topic through every system, by many processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import pandas as pd

from indexing.catalog import Catalog
from indexing.measure.learnt import Asked, Learnt, in_each_fold
from indexing.measure.overlay import Encoded, encode_topics, overlay
from indexing.measure.parallel import Opened, in_parallel
from indexing.measure.protocols.tastes import DEPTH as TASTE_DEPTH
from indexing.measure.protocols.tastes import ITEM_TO_ITEM
from indexing.measure.systems import (
    Popularity,
    Random,
    System,
    references,
    taste_engines,
)
from indexing.measure.topic import Protocol, RowArray, Topic
from indexing.neighbours.models import Model, choose
from shortlist.encoder.runtime import Encoder
from shortlist.engine.snapshot import Snapshot

Rankings = dict[str, list[RowArray]]
"""By a system's name its rankings (rows int64, best first), one a topic in order."""

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
    topics, depth, opened = protocol.topics, protocol.depth, Opened(snapshot)
    encoded = encode_topics(encoder, topics)
    tasks = [
        (opened, systems, topics[begin : begin + CHUNK], encoded[begin : begin + CHUNK], depth)
        for begin in range(0, len(topics), CHUNK)
    ]
    found = in_parallel(_rank_chunk, tasks, n_jobs=n_jobs, desc=protocol.name)
    return _joined({protocol.name: rankings} for rankings in found)[protocol.name]


def _rank_chunk(
    opened: Opened,
    systems: Sequence[System],
    topics: Sequence[Topic],
    encoded: Sequence[Encoded],
    depth: int,
) -> Rankings:
    found: Rankings = {system.name: [] for system in systems}
    for topic, vectors in zip(topics, encoded, strict=True):
        overlaid = overlay(opened.snapshot, topic, vectors)
        for system in systems:
            found[system.name].append(system.rank(topic, overlaid)[:depth])
    return found


def rank_tastes(
    snapshot: Snapshot,
    catalog: Catalog,
    protocols: Sequence[Protocol],
    folds: Sequence[pd.DataFrame],
    *,
    n_jobs: int | None = None,
) -> dict[str, Rankings]:
    """The rankings of each protocol whose topics are tastes, by its name; a fold is learnt once.

    EASE is among the references where every fold affords it.
    """
    work = partial(
        _rank_fold,
        profiles=[name for name in ("notebook",) if name in snapshot.bundle.manifest.profiles],
        affords_ease=all(_affords_ease(others, catalog.n_items) for others in folds),
    )
    return _joined(in_each_fold(work, snapshot, catalog, protocols, folds, n_jobs=n_jobs))


def _affords_ease(others: pd.DataFrame, n_items: int) -> bool:
    return choose(Model.AUTO, n_users=others["user"].nunique(), n_items=n_items) is Model.EASE


def _rank_fold(
    learnt: Learnt, asked: Asked, *, profiles: Sequence[str], affords_ease: bool
) -> dict[str, Rankings]:
    learnt_once = [Random(), Popularity(), *references(learnt.likes, affords_ease=affords_ease)]
    return {
        name: {
            system.name: [system.rank(topic, learnt.snapshot)[:TASTE_DEPTH] for topic in topics]
            for system in [
                *learnt_once,
                *taste_engines(profiles, similar=name == ITEM_TO_ITEM),
            ]
        }
        for name, topics in asked.items()
    }


def _joined(parts: Iterable[Mapping[str, Rankings]]) -> dict[str, Rankings]:
    """One part's rankings after the other's."""
    whole: dict[str, Rankings] = {}
    for part in parts:
        for protocol, rankings in part.items():
            for system, rows in rankings.items():
                whole.setdefault(protocol, {}).setdefault(system, []).extend(rows)
    return whole
