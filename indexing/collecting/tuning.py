"""The search parameters of a collection: the first that find enough."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import numpy as np

from indexing.catalog.retrieval import CollectionIndex
from indexing.collecting.entries import lots_of
from indexing.recall import FILTERED_SHARES, RECALL_DEPTH, Measured, exact_nearest, measured
from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.engine.lanes.semantic import best_among, best_first
from shortlist.engine.remote.collection import FILTERED, CollectedSegment, MilvusCollection
from shortlist.engine.remote.expressions import LOT, N_LOTS, Expression
from shortlist.engine.row_sets import RowSet

log = logging.getLogger(__name__)

WANTED_RECALL = 0.98
_EF = (64, 128, 256, 512, 1024)
_N_PROBE = (8, 16, 32, 64, 128, 256)
_FILTERED_PROBES = 50
M = TypeVar("M")


def tuned(collection: MilvusCollection, info: RetrievalInfo, probes: Vectors) -> RetrievalInfo:
    """The collection described with the first search parameters that reach the wanted recall.

    One without a filter, and one with: a graph is to be searched deeper where few nodes count. The
    best where none reaches it.
    """
    depth = min(RECALL_DEPTH, len(collection.vectors))
    exact = exact_nearest(probes, collection.vectors, depth=depth)
    measured_with = partial(_measured, probes=probes, exact=exact)
    params, found = _first(collection, info.type, measured_with, lambda one: one.recall)
    of_filters = partial(_filtered_recall, probes=probes[:_FILTERED_PROBES])
    deeper, filtered = _first(collection, info.type, of_filters, lambda one: min(one.values()))
    params |= {f"{name}{FILTERED}": value for name, value in deeper.items()}
    return info.model_copy(
        update={
            "params": {**info.params, **params},
            "recall": round(found.recall, 4),
            "p50_ms": round(found.p50_ms, 3),
            "filtered_recall": filtered,
        }
    )


def _first(
    collection: MilvusCollection,
    kind: str,
    measure: Callable[[MilvusCollection], M],
    recall_of: Callable[[M], float],
) -> tuple[dict[str, int], M]:
    """The first parameters that reach the wanted recall, else the best, and what was measured."""
    tried = []
    for params in _parameters(kind):
        found = measure(collection.searched_with(params))
        log.info("%s %s: %s", kind, params, found)
        tried.append((params, found))
        if recall_of(found) >= WANTED_RECALL:
            break
    return max(tried, key=lambda one: recall_of(one[1]))


def _parameters(kind: str) -> Iterator[dict[str, int]]:
    if kind == CollectionIndex.HNSW:
        yield from ({"ef": ef} for ef in _EF)
    else:
        yield from ({"nprobe": n} for n in _N_PROBE)


def _measured(collection: MilvusCollection, *, probes: Vectors, exact: RowArray) -> Measured:
    vectors = collection.vectors
    segment = _whole(collection)

    def retrieve(probe: Vectors) -> RowArray:
        rows = segment.nearest(probe, exact.shape[1])
        return best_first(rows, probe, vectors, exact.shape[1], exact=False).rows

    return measured(retrieve, probes, exact)


def _filtered_recall(collection: MilvusCollection, *, probes: Vectors) -> dict[str, float]:
    """Mean recall at 50 where entries of some lots pass, by the share of them."""
    segment, found = _whole(collection), {}
    ((_, values),) = lots_of(len(collection.vectors))
    lots = np.array(values(slice(None)))
    for share in FILTERED_SHARES:
        among, vectors = RowSet.of_mask(lots < share * N_LOTS), collection.vectors
        said = Expression(f"{LOT} < {round(share * N_LOTS)}")
        shares = []
        for probe in probes:
            asked = segment.nearest_said(probe, RECALL_DEPTH, among, said)
            nearest = best_first(asked, probe, vectors, RECALL_DEPTH, exact=False).rows
            truth = best_among(probe, vectors, among.rows, RECALL_DEPTH).rows
            shares.append(len(np.intersect1d(nearest, truth)) / max(1, len(truth)))
        found[f"{share:g}"] = round(float(np.mean(shares)), 4) if len(among) else 1.0
    return found


def _whole(collection: MilvusCollection) -> CollectedSegment:
    """The collection as a segment of which nothing is gone."""
    return CollectedSegment(collection, np.arange(len(collection.vectors), dtype=np.int32))
