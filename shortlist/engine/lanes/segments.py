"""Retrieval from several segments: each is asked, and the best of what they bring is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import faiss
import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.places import EntryRows
from shortlist.bundle.reader import Bundle
from shortlist.bundle.vectors import AllVectors
from shortlist.engine.lanes.faiss_backend import FaissRetriever
from shortlist.engine.lanes.semantic import (
    Candidates,
    Retriever,
    best_among,
    best_first,
    true_scores,
)
from shortlist.errors import BundleUnsupported

_SPARE = 8


class RetrievedSegment:
    """The index of one segment, and the row of each of its entries, -1 for one that is gone."""

    def __init__(self, index: FaissRetriever, rows: EntryRows) -> None:
        self.index = index
        self._rows = rows
        self._n_live = int((rows >= 0).sum())

    @cached_property
    def _live(self) -> faiss.IDSelectorBitmap:
        self._bits = np.packbits(self._rows >= 0, bitorder="little")
        return faiss.IDSelectorBitmap(self._bits)

    def nearest(self, query_vector: Vectors, n: int) -> RowArray:
        """Up to `n` rows near to a query vector, int64; all of them if there are fewer.

        An approximate index is asked for more, as entries that are gone would be found too.
        """
        n_gone, n_found = len(self._rows) - self._n_live, min(n, self._n_live)
        if not n_gone:
            return self._of(self.index.search(query_vector, n_found, None))
        if not self.index.exact and n_found:
            share = self._n_live / len(self._rows)
            wanted = min(len(self._rows), math.ceil(n_found / share) + _SPARE)
            found = self._of(self.index.search(query_vector, wanted, None))
            if len(found) >= n_found:
                return found
        return self._of(self.index.search(query_vector, n_found, self._live))

    def nearest_among(self, query_vector: Vectors, n: int, allowed: np.ndarray) -> RowArray:
        """The same of the rows that are `allowed`, bool [rows]."""
        entries = np.flatnonzero(allowed[self._rows] & (self._rows >= 0))
        if not len(entries):
            return np.empty(0, np.int64)
        selector = faiss.IDSelectorBatch(entries)
        return self._of(self.index.search(query_vector, min(n, len(entries)), selector))

    def _of(self, entries: RowArray) -> RowArray:
        rows = self._rows[entries]
        return rows[rows >= 0].astype(np.int64)


class SegmentsRetriever:
    """The segments' indexes over the vectors of all items, searched one after the other."""

    def __init__(self, parts: Sequence[RetrievedSegment], vectors: AllVectors) -> None:
        self.parts = tuple(parts)
        self._vectors = vectors
        self._exact = all(part.index.exact for part in parts)

    def retrieve(self, query_vector: Vectors, n_candidates: int) -> Candidates:
        """The `n_candidates` best rows of all segments, re-scored against the stored vectors."""
        found = [part.nearest(query_vector, n_candidates) for part in self.parts]
        rows = np.concatenate(found)
        return best_first(rows, query_vector, self._vectors, n_candidates, exact=self._exact)

    def retrieve_among(
        self, query_vector: Vectors, n_candidates: int, rows: RowArray, *, exact_up_to: int
    ) -> Candidates:
        """The best of these rows: scored one and all, or found by the indexes."""
        n_found = min(n_candidates, len(rows))
        if self._exact or len(rows) <= exact_up_to:
            return best_among(query_vector, self._vectors, rows, n_found)
        allowed = np.zeros(len(self._vectors), dtype=np.bool_)
        allowed[rows] = True
        parts = [part.nearest_among(query_vector, n_found, allowed) for part in self.parts]
        found = np.concatenate(parts)
        if len(found) < n_found:
            return best_among(query_vector, self._vectors, rows, n_found)
        return best_first(found, query_vector, self._vectors, n_found, exact=False)

    def score(self, query_vector: Vectors, rows: RowArray) -> Vectors:
        """The true inner products of these rows, from the stored vectors."""
        return true_scores(query_vector, self._vectors, rows)


def retriever_of(bundle: Bundle, *, sharing: tuple[Bundle, Retriever] | None = None) -> Retriever:
    """What retrieves from a bundle; indexes that an open one has are not opened again.

    Raises BundleCorrupt for an index that is not one of its segment's vectors, BundleUnsupported
    for an unknown backend.
    """
    known = {} if sharing is None else _indexes(*sharing)
    parts = []
    for segment in bundle.segments:
        index = known.get(id(segment.vectors))
        if index is None:
            info = segment.info.retrieval
            if info.backend != "faiss":
                raise BundleUnsupported(
                    f"manifest.json: retrieval backend {info.backend!r} is unknown"
                )
            index = FaissRetriever(segment.folder, info, segment.vectors)
            index.check()
        parts.append(RetrievedSegment(index, segment.rows))
    if bundle.places.entries is None:
        return parts[0].index
    return SegmentsRetriever(parts, bundle.vectors)


def _indexes(bundle: Bundle, retriever: Retriever) -> dict[int, FaissRetriever]:
    """The open indexes by the identity of the vectors that they are of."""
    indexes: list[FaissRetriever] = []
    if isinstance(retriever, FaissRetriever):
        indexes = [retriever]
    elif isinstance(retriever, SegmentsRetriever):
        indexes = [part.index for part in retriever.parts]
    return {id(one.vectors): two for one, two in zip(bundle.segments, indexes, strict=False)}
