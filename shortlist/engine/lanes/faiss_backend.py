"""Retrieval from a FAISS inner-product index."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import faiss
import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.bundle.rules import NORM_TOLERANCE, check_range
from shortlist.engine.conditions import Filters
from shortlist.engine.lanes.codes import codes_of, nearest_codes
from shortlist.engine.lanes.fast_scan import check_scan
from shortlist.engine.lanes.filter_costs import FilterCosts
from shortlist.engine.lanes.semantic import Candidates, best_among, best_first, true_scores
from shortlist.engine.row_sets import RowSet
from shortlist.errors import BundleCorrupt

_FAISS_ERRORS = (RuntimeError, MemoryError, AssertionError)
_MOST = {"overfetch": 1000, "ef_search": 100_000, "n_probe": 1_000_000, "rescored": 1_000_000}
_SELF_SEARCHES = 200
_SELF_RECALL = 0.9
_BLOCK_ROWS = 8192

_DEEPER = 1.25
"""How much deeper a graph is searched under a filter than would just do: of the made-up million of
`benchmarks.filters` it then finds 0.990 of a tenth, where 0.985 would be found."""

_AGAIN = 4.0
"""How much deeper it is searched once more where fewer pass near the query than elsewhere."""


class FaissRetriever:
    """A memory-mapped index over the bundle's vectors.

    An approximate index is asked for `overfetch` times as many rows as are wanted, or for
    `rescored` if that is more; re-scoring against the stored vectors then picks the best, which
    wins back what a lossy code costs.
    """

    def __init__(self, folder: Path, info: RetrievalInfo, vectors: Vectors) -> None:
        try:  # its arrays mapped from the file rather than read where FAISS can
            self._index = faiss.read_index(str(folder / info.file), faiss.IO_FLAG_MMAP_IFC)
        except _FAISS_ERRORS as error:
            raise BundleCorrupt(f"{info.file}: FAISS cannot read it: {error}") from error
        self._file = info.file
        self.exact = info.exact
        self._params = _checked(info.params)
        self._overfetch = self._params.get("overfetch", 1)
        self._rescored = self._params.get("rescored", 1)
        self._scans = isinstance(self._index, faiss.IndexPQFastScan)
        self._codes = codes_of(self._index)
        self._vectors = vectors
        found = (self._index.ntotal, self._index.d)
        if found != vectors.shape:
            raise BundleCorrupt(f"{info.file}: holds {found} values, expected {vectors.shape}")

    def check(self) -> None:
        """That this is an index of the bundle's vectors and can be searched.

        An exact one holds the vectors themselves. Of any other, evenly drawn stored vectors are
        asked for: nine in ten must find a row that is as near to them as they are to themselves,
        so that equal vectors may stand for each other. Raises BundleCorrupt, for what FAISS cannot
        search too.
        """
        if self.exact:
            self._check_copies()
            return
        for part in _parts(self._index):
            if hasattr(part, "hnsw"):  # FAISS takes this much memory for each query
                _check_most(f"{self._file}: efSearch", "ef_search", part.hnsw.efSearch)
            check_scan(self._file, part)
        probes = np.linspace(0, len(self._vectors) - 1, min(len(self._vectors), _SELF_SEARCHES))
        wanted = self._vectors[probes.astype(np.int64)]
        try:
            found = self._found(wanted, self._fetched(1), None)
            if not self._scans:
                self.search(wanted[0], 1, faiss.IDSelectorBatch(np.zeros(1, np.int64)))
        except _FAISS_ERRORS as error:
            raise BundleCorrupt(f"{self._file}: FAISS cannot search it: {error}") from error
        check_range(f"{self._file}: rows found", found.ravel(), -1, len(self._vectors) - 1)
        n_found = 0
        for one, rows in zip(wanted, found, strict=True):  # all at once are a gigabyte
            scores = true_scores(one, self._vectors, rows[rows >= 0])
            n_found += bool(np.any(scores >= 1 - NORM_TOLERANCE))
        if n_found < _SELF_RECALL * len(wanted):
            raise BundleCorrupt(
                f"{self._file}: only {n_found} of {len(wanted)} stored vectors find themselves; the"
                " index is not one of the bundle's vectors"
            )

    def _check_copies(self) -> None:
        index, vectors = self._index, self._vectors
        if type(index) is not faiss.IndexFlat and type(index) is not faiss.IndexFlatIP:
            kind = type(index).__name__
            raise BundleCorrupt(f"{self._file}: expected an exact index, found {kind}")
        if index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise BundleCorrupt(f"{self._file}: expected an index of inner products")
        held = faiss.rev_swig_ptr(index.get_xb(), vectors.size).reshape(vectors.shape)
        for begin in range(0, len(vectors), _BLOCK_ROWS):
            block = slice(begin, begin + _BLOCK_ROWS)
            if not np.array_equal(held[block], vectors[block]):
                wrong = np.any(held[block] != vectors[block], axis=1)
                row = begin + int(np.flatnonzero(wrong)[0])
                raise BundleCorrupt(f"{self._file}: row {row} is not that of the bundle's vectors")

    @property
    def free_depth(self) -> int:
        """All rows of an exact index; of codes that are gone through, those scored in any case."""
        if self.exact:
            return len(self._vectors)
        return self._rescored if self._scans else 0

    def retrieve(self, query_vector: Vectors, n_candidates: int) -> Candidates:
        """The `n_candidates` best rows, re-scored against the stored vectors."""
        rows = self.search(query_vector, n_candidates, None)
        return best_first(rows, query_vector, self._vectors, n_candidates, exact=self.exact)

    def retrieve_among(
        self,
        query_vector: Vectors,
        n_candidates: int,
        rows: RowSet,
        *,
        exact_up_to: int,
        wanted: Filters | None = None,  # noqa: ARG002  # rows say it already
    ) -> Candidates:
        """The best of these rows: scored one and all, or found by the index, whatever costs less.

        When the index brings fewer than there are, every row is scored after all.
        """
        n_found = min(n_candidates, len(rows))
        costs = FilterCosts(len(rows), len(self._vectors))
        if not self.exact and len(rows) > exact_up_to and not costs.are_few:
            found = self._found_among(query_vector, n_found, rows, costs)
            if len(found) >= n_found:
                return best_first(found, query_vector, self._vectors, n_found, exact=False)
        return best_among(query_vector, self._vectors, rows.rows, n_found)

    def _found_among(
        self, query_vector: Vectors, n_found: int, rows: RowSet, costs: FilterCosts
    ) -> RowArray:
        """What the index finds of these rows, up to `overfetch` times as many as are wanted."""
        n_fetched = min(n_found * self._overfetch, len(rows))
        if self._scans:
            return self._scanned(query_vector, n_found, rows, costs)
        if "ef_search" in self._params:
            found = self._walked(query_vector, n_fetched, rows, costs)
            if len(found) >= n_fetched or self._codes is None:
                return found
        query = query_vector[np.newaxis]
        if costs.are_taken and isinstance(self._codes, faiss.IndexScalarQuantizer):
            return nearest_codes(self._codes, rows.rows, query, n_fetched)
        selector = faiss.IDSelectorBitmap(rows.bits)
        if self._codes is not None:
            params = faiss.SearchParameters(sel=selector)
            return self._sound(self._codes.search(query, n_fetched, params=params)[1][0])
        n_probe = math.ceil(self._params.get("n_probe", 0) / costs.share)
        found = self._sound(self._found(query, n_fetched, selector, n_probe=n_probe)[0])
        if len(found) < n_fetched and "n_probe" in self._params:
            every_list = _MOST["n_probe"]
            found = self._sound(self._found(query, n_fetched, selector, n_probe=every_list)[0])
        return found

    def _walked(
        self, query_vector: Vectors, n_fetched: int, rows: RowSet, costs: FilterCosts
    ) -> RowArray:
        """The first `n_fetched` of these rows among what the graph finds, searched deep enough.

        The graph is searched without a selector, as deep as brings enough of them if they lie
        around the query as thick as elsewhere. Where fewer come they do not, and it is searched
        deeper, as long as that costs little beside going through all rows; else none are found.
        """
        depth = _DEEPER * max(self._params["ef_search"], n_fetched) / costs.share
        left = costs.vectors if self._codes is None else costs.codes
        while costs.walk(depth) <= left and depth <= _MOST["ef_search"]:
            found = self.search(query_vector, math.ceil(depth), None, overfetch=1)
            passing = found[rows.has(found)]
            if len(passing) >= n_fetched:
                return passing[:n_fetched]
            left /= 2  # a second look that may be in vain too has to cost far less
            depth *= _AGAIN
        return np.empty(0, np.int64)

    def _scanned(
        self, query_vector: Vectors, n_found: int, rows: RowSet, costs: FilterCosts
    ) -> RowArray:
        """Those of these rows among the best by their codes, gone through without the filter.

        As many are taken as bring enough that pass, if they lie around the query as thick as
        elsewhere; more where they do not, as long as that costs less than scoring every one.
        """
        wanted = min(self._fetched(n_found), len(rows))
        depth = _DEEPER * wanted / costs.share
        while costs.scan(depth) <= costs.vectors:
            found = self.search(query_vector, math.ceil(depth), None, overfetch=1)
            passing = found[rows.has(found)]
            if len(passing) >= wanted or len(found) == len(self._vectors):
                return passing
            depth *= _AGAIN
        return np.empty(0, np.int64)

    def _fetched(self, n_wanted: int) -> int:
        """How many rows are asked for so that the best so many can be told by their vectors."""
        return max(n_wanted * self._overfetch, self._rescored)

    def score(self, query_vector: Vectors, rows: RowArray) -> Vectors:
        """The true inner products of these rows, from the stored vectors."""
        return true_scores(query_vector, self._vectors, rows)

    def search(
        self,
        query_vector: Vectors,
        n_candidates: int,
        selector: faiss.IDSelector | None,
        *,
        overfetch: int | None = None,
    ) -> RowArray:
        """The rows that the index finds, the best by its codes first."""
        wanted = self._fetched(n_candidates) if overfetch is None else n_candidates * overfetch
        n_fetched = min(wanted, len(self._vectors))
        return self._sound(self._found(query_vector[np.newaxis], n_fetched, selector)[0])

    def _sound(self, found: RowArray) -> RowArray:
        """What was found without FAISS's padding and what is no row here."""
        rows: RowArray = found[(found >= 0) & (found < len(self._vectors))]
        return rows

    def _found(
        self,
        queries: Vectors,
        n_fetched: int,
        selector: faiss.IDSelector | None,
        *,
        n_probe: int = 0,
    ) -> RowArray:
        """What FAISS finds for queries [q, dim], int64 [q, n_fetched].

        Parameters are those of one call: the index itself is shared and never changed. `n_probe`
        lists are looked into if that is more than usual.
        """
        chosen = {} if selector is None else {"sel": selector}
        if "ef_search" in self._params:
            ef_search = max(self._params["ef_search"], n_fetched)
            params = faiss.SearchParametersHNSW(efSearch=ef_search, **chosen)
        elif "n_probe" in self._params:
            n_probe = max(self._params["n_probe"], n_probe)
            params = faiss.SearchParametersIVF(nprobe=n_probe, **chosen)
        else:
            params = faiss.SearchParameters(**chosen) if chosen else None
        found: RowArray
        _, found = self._index.search(queries, n_fetched, params=params)
        return found


def _checked(params: Mapping[str, int | float | str]) -> dict[str, int]:
    """The search parameters. Raises BundleCorrupt for one that FAISS must not be given."""
    known = {name: params[name] for name in _MOST if name in params}
    for name, value in known.items():
        _check_most(f"manifest.json: retrieval.params.{name}", name, value)
    return {name: int(value) for name, value in known.items()}


def _check_most(where: str, name: str, value: float | str) -> None:
    if type(value) is not int or not 1 <= value <= _MOST[name]:
        raise BundleCorrupt(f"{where}: expected 1 to {_MOST[name]}, found {value!r}")


def _parts(index: faiss.Index) -> Iterator[faiss.Index]:
    """The index and those that it is made of."""
    yield index
    for name in ("index", "quantizer", "base_index"):
        inner = getattr(index, name, None)
        if isinstance(inner, faiss.Index):
            yield from _parts(faiss.downcast_index(inner))
