"""How much of exact search an approximate index finds, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexing.nearest import nearest_rows
from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.bundle.vectors import AnyVectors
from shortlist.engine.lanes.faiss_backend import FaissRetriever
from shortlist.engine.row_sets import RowSet

RECALL_DEPTH = 50

FILTERED_SHARES = (0.5, 0.1, 0.01, 0.001)
_FILTERED_PROBES = 100
_FILTER_SEED = 20261124


@dataclass(frozen=True)
class Measured:
    """Mean recall at 50 in [0, 1] over the probes, and milliseconds per query, one thread."""

    recall: float
    p50_ms: float
    p99_ms: float


def exact_nearest(probes: Vectors, vectors: AnyVectors, *, depth: int = RECALL_DEPTH) -> RowArray:
    """The `depth` best rows of each probe by inner product, int64 [n_probes, depth]."""
    _, rows = nearest_rows(probes, vectors, depth)
    return rows


def measure_index(
    folder: Path, info: RetrievalInfo, vectors: Vectors, probes: Vectors, exact: RowArray
) -> Measured:
    """Recall and latency of the index file in `folder` over probes float32 [n, dim].

    `exact` is what `exact_nearest` gave for them. The first tenth of the probes is searched
    once before, so that paging the file in is not counted.
    """
    retriever = FaissRetriever(folder, info, vectors)
    depth = exact.shape[1]
    return measured(lambda probe: retriever.retrieve(probe, depth).rows, probes, exact)


def measured(retrieve: Callable[[Vectors], RowArray], probes: Vectors, exact: RowArray) -> Measured:
    """Recall and latency of what gives rows for a probe, as `measure_index` has them."""
    for probe in probes[: max(1, len(probes) // 10)]:
        retrieve(probe)
    recalls, times_ms = [], []
    for probe, truth in zip(probes, exact, strict=True):
        started = time.perf_counter()
        found = retrieve(probe)
        times_ms.append((time.perf_counter() - started) * 1e3)
        recalls.append(len(np.intersect1d(found, truth)) / len(truth))
    p50_ms, p99_ms = np.percentile(times_ms, [50, 99])
    return Measured(float(np.mean(recalls)), float(p50_ms), float(p99_ms))


def filtered_recall(
    folder: Path, info: RetrievalInfo, vectors: Vectors, probes: Vectors
) -> dict[str, float]:
    """Mean recall at 50 under a filter, by the share of rows that pass.

    Rows are drawn at random by a fixed seed; at most 100 of the probes are asked.
    """
    retriever = FaissRetriever(folder, info, vectors)
    rng = np.random.default_rng(_FILTER_SEED)
    found = {}
    for share in FILTERED_SHARES:
        rows = RowSet.of_mask(rng.random(len(vectors)) < share)
        recalls = []
        for probe in probes[:_FILTERED_PROBES]:
            through, exact = (
                retriever.retrieve_among(probe, RECALL_DEPTH, rows, exact_up_to=limit).rows
                for limit in (0, len(rows))
            )
            recalls.append(len(np.intersect1d(through, exact)) / max(1, len(exact)))
        found[f"{share:g}"] = round(float(np.mean(recalls)), 4) if len(rows) else 1.0
    return found
