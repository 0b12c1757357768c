"""Retrieval from a FAISS inner-product index."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.engine.lanes.semantic import Candidates, best_among, best_first, true_scores
from shortlist.errors import BundleCorrupt


class FaissRetriever:
    """A memory-mapped index over the bundle's vectors.

    An approximate index is asked for `overfetch` times as many rows as are wanted; re-scoring
    against the stored vectors then picks the best, which wins back what a lossy code costs.
    """

    def __init__(self, folder: Path, info: RetrievalInfo, vectors: Vectors) -> None:
        try:  # its arrays mapped from the file rather than read where FAISS can
            self._index = faiss.read_index(str(folder / info.file), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise BundleCorrupt(f"{info.file}: FAISS cannot read it: {error}") from error
        self._exact = info.exact
        self._params = info.params
        self._overfetch = int(info.params.get("overfetch", 1))
        self._vectors = vectors
        found = (self._index.ntotal, self._index.d)
        if found != vectors.shape:
            raise BundleCorrupt(f"{info.file}: holds {found} values, expected {vectors.shape}")

    def retrieve(self, query_vector: Vectors, n_candidates: int) -> Candidates:
        """The `n_candidates` best rows, re-scored against the stored vectors."""
        rows = self._search(query_vector, n_candidates, None)
        return best_first(rows, query_vector, self._vectors, n_candidates, exact=self._exact)

    def retrieve_among(
        self, query_vector: Vectors, n_candidates: int, rows: RowArray, *, exact_up_to: int
    ) -> Candidates:
        """The best of these rows: scored one and all, or found by the index with a selector.

        A selector makes a graph lose its way; when it brings fewer than there are, every row is
        scored after all.
        """
        n_found = min(n_candidates, len(rows))
        if self._exact or len(rows) <= exact_up_to:
            return best_among(query_vector, self._vectors, rows, n_found)
        found = self._search(query_vector, n_found, faiss.IDSelectorBatch(rows))
        if len(found) < n_found:
            return best_among(query_vector, self._vectors, rows, n_found)
        return best_first(found, query_vector, self._vectors, n_found, exact=False)

    def score(self, query_vector: Vectors, rows: RowArray) -> Vectors:
        """The true inner products of these rows, from the stored vectors."""
        return true_scores(query_vector, self._vectors, rows)

    def _search(
        self, query_vector: Vectors, n_candidates: int, selector: faiss.IDSelector | None
    ) -> RowArray:
        """The rows that the index finds, without FAISS's padding.

        Parameters are those of one call: the index itself is shared and never changed.
        """
        n_fetched = min(n_candidates * self._overfetch, len(self._vectors))
        chosen = {} if selector is None else {"sel": selector}
        if "ef_search" in self._params:
            ef_search = max(int(self._params["ef_search"]), n_fetched)
            params = faiss.SearchParametersHNSW(efSearch=ef_search, **chosen)
        elif "n_probe" in self._params:
            params = faiss.SearchParametersIVF(nprobe=int(self._params["n_probe"]), **chosen)
        else:
            params = faiss.SearchParameters(**chosen) if chosen else None
        _, found = self._index.search(query_vector[np.newaxis], n_fetched, params=params)
        rows: RowArray = found[0][found[0] >= 0]
        return rows
