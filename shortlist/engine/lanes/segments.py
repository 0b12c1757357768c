"""Retrieval from several segments: each is asked, and the best of what they bring is kept."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import faiss
import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.bundle.places import EntryRows
from shortlist.bundle.reader import Bundle
from shortlist.bundle.tables import ItemTable
from shortlist.bundle.vectors import AllVectors
from shortlist.engine.conditions import Filters
from shortlist.engine.lanes.faiss_backend import FaissRetriever
from shortlist.engine.lanes.semantic import (
    Candidates,
    Retriever,
    best_among,
    best_first,
    true_scores,
)
from shortlist.engine.remote.collection import (
    BACKEND,
    CollectedSegment,
    MilvusCollection,
    in_version,
)
from shortlist.engine.row_sets import RowSet
from shortlist.errors import BundleUnsupported

_SPARE = 8
_MOST_KEPT = 4
"""Sets of rows whose entries are kept: a request asks for its own several times."""


class RetrievedSegment:
    """The index of one segment, and the row of each of its entries, -1 for one that is gone."""

    def __init__(self, index: FaissRetriever, rows: EntryRows) -> None:
        self.index = index
        self._rows = rows
        self._n_live = int((rows >= 0).sum())
        self.exact = index.exact

    @cached_property
    def _live(self) -> faiss.IDSelectorBitmap:
        self._bits = np.packbits(self._rows >= 0, bitorder="little")
        return faiss.IDSelectorBitmap(self._bits)

    @property
    def free_depth(self) -> int:
        """As of its index, less what may be found of entries that are gone."""
        depth = self.index.free_depth
        if self.index.exact or self._n_live == len(self._rows):
            return depth
        return max(0, depth * self._n_live // len(self._rows) - _SPARE)

    def nearest(self, query_vector: Vectors, n: int) -> RowArray:
        """Up to `n` rows near to a query vector, int64; all of them if there are fewer.

        An approximate index is asked for more, as entries that are gone would be found too.
        """
        n_gone, n_found = len(self._rows) - self._n_live, min(n, self._n_live)
        if not n_found:
            return np.empty(0, np.int64)
        if not n_gone:
            return self._of(self.index.search(query_vector, n_found, None))
        if not self.index.exact:
            share = self._n_live / len(self._rows)
            wanted = min(len(self._rows), math.ceil(n_found / share) + _SPARE)
            found = self._of(self.index.search(query_vector, wanted, None))
            if len(found) >= n_found:
                return found
        return self._of(self.index.search(query_vector, n_found, self._live))

    def entries_of(self, rows: RowSet) -> RowSet:
        """The entries of these rows, as a set of entries."""
        live = self._rows >= 0
        return RowSet.of_mask(rows.mask[self._rows] & live)

    def nearest_among(
        self,
        query_vector: Vectors,
        n: int,
        entries: RowSet,
        *,
        exact_up_to: int,
        wanted: Filters | None = None,  # noqa: ARG002  # entries say it already
    ) -> RowArray:
        """Up to `n` rows near to a query vector among those of these entries, int64."""
        if not len(entries):
            return np.empty(0, np.int64)
        found = self.index.retrieve_among(query_vector, n, entries, exact_up_to=exact_up_to)
        return self._of(found.rows)

    def _of(self, entries: RowArray) -> RowArray:
        rows = self._rows[entries]
        return rows[rows >= 0].astype(np.int64)


AnyIndex = FaissRetriever | MilvusCollection
AnySegment = RetrievedSegment | CollectedSegment


class SegmentsRetriever:
    """The segments' indexes over the vectors of all items, searched one after the other."""

    def __init__(self, parts: Sequence[AnySegment], vectors: AllVectors) -> None:
        self.parts = tuple(parts)
        self._vectors = vectors
        self._exact = all(part.exact for part in parts)
        self._entries: dict[int, tuple[RowSet, list[RowSet]]] = {}
        self._lock = threading.Lock()

    @property
    def free_depth(self) -> int:
        """The least of those indexes that are not exact; every row where all are."""
        depths = [part.free_depth for part in self.parts if not part.exact]
        return min(depths, default=len(self._vectors))

    def retrieve(self, query_vector: Vectors, n_candidates: int) -> Candidates:
        """The `n_candidates` best rows of all segments, re-scored against the stored vectors."""
        found = [part.nearest(query_vector, n_candidates) for part in self.parts]
        rows = np.concatenate(found)
        return best_first(rows, query_vector, self._vectors, n_candidates, exact=self._exact)

    def retrieve_among(
        self,
        query_vector: Vectors,
        n_candidates: int,
        rows: RowSet,
        *,
        exact_up_to: int,
        wanted: Filters | None = None,
    ) -> Candidates:
        """The best of these rows: scored one and all, or found by the indexes."""
        n_found = min(n_candidates, len(rows))
        if self._exact or len(rows) <= exact_up_to:
            return best_among(query_vector, self._vectors, rows.rows, n_found)
        parts = [
            part.nearest_among(
                query_vector, n_found, entries, exact_up_to=exact_up_to, wanted=wanted
            )
            for part, entries in zip(self.parts, self._entries_of(rows), strict=True)
        ]
        found = np.concatenate(parts)
        return best_first(found, query_vector, self._vectors, n_found, exact=False)

    def _entries_of(self, rows: RowSet) -> list[RowSet]:
        """The entries of these rows in each segment; kept for the sets that were asked for last."""
        with self._lock:
            known = self._entries.get(id(rows))
        if known is not None and known[0] is rows:
            return known[1]
        found = [part.entries_of(rows) for part in self.parts]
        with self._lock:
            self._entries[id(rows)] = (rows, found)
            while len(self._entries) > _MOST_KEPT:
                self._entries.pop(next(iter(self._entries)))
        return found

    def score(self, query_vector: Vectors, rows: RowArray) -> Vectors:
        """The true inner products of these rows, from the stored vectors."""
        return true_scores(query_vector, self._vectors, rows)


def open_index(folder: Path, info: RetrievalInfo, vectors: Vectors) -> AnyIndex:
    """The index over float32 unit vectors [m, dim] that is described for a segment's folder.

    Raises BundleCorrupt for one that cannot be read, BundleUnsupported for an unknown backend.
    """
    if info.backend == BACKEND:
        return MilvusCollection(folder, info, vectors)
    if info.backend != "faiss":
        raise BundleUnsupported(f"manifest.json: retrieval backend {info.backend!r} is unknown")
    return FaissRetriever(folder, info, vectors)


def placed(index: AnyIndex, rows: EntryRows, items: ItemTable) -> AnySegment:
    """An index as it stands in a version with these rows of its entries, and item columns."""
    if isinstance(index, FaissRetriever):
        return RetrievedSegment(index, rows)
    return in_version(index, rows, items)


def retriever_of(bundle: Bundle, *, sharing: tuple[Bundle, Retriever] | None = None) -> Retriever:
    """What retrieves from a bundle; indexes that an open one has are not opened again.

    Raises BundleCorrupt for an index that is not one of its segment's vectors, BundleUnsupported
    for an unknown backend, RetrievalUnavailable where the engine that holds one is away.
    """
    known = {} if sharing is None else _indexes(*sharing)
    parts: list[AnySegment] = []
    for segment in bundle.segments:
        index = known.get(id(segment.vectors))
        if index is None:
            index = open_index(segment.folder, segment.info.retrieval, segment.vectors)
            index.check()
        parts.append(placed(index, segment.rows, bundle.items))
    only = parts[0].index
    if bundle.places.entries is None and isinstance(only, FaissRetriever):
        return only
    return SegmentsRetriever(parts, bundle.vectors)


def problem_of(retriever: Retriever) -> str | None:
    """Why an engine that a retriever asks is left alone; None where all is well."""
    parts = retriever.parts if isinstance(retriever, SegmentsRetriever) else ()
    servers = {one.index.server for one in parts if isinstance(one, CollectedSegment)}
    return next((problem for one in servers if (problem := one.problem())), None)


def _indexes(bundle: Bundle, retriever: Retriever) -> dict[int, AnyIndex]:
    """The open indexes by the identity of the vectors that they are of."""
    indexes: list[AnyIndex] = []
    if isinstance(retriever, FaissRetriever):
        indexes = [retriever]
    elif isinstance(retriever, SegmentsRetriever):
        indexes = [part.index for part in retriever.parts]
    return {id(one.vectors): two for one, two in zip(bundle.segments, indexes, strict=False)}
