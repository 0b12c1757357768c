"""The codes below a graph, gone through without it."""

from __future__ import annotations

import faiss

from shortlist.bundle.arrays import RowArray, Vectors


def codes_of(index: faiss.Index) -> faiss.Index | None:
    """The codes below a graph, where they can be gone through by themselves."""
    if not isinstance(index, faiss.IndexHNSW):
        return None
    codes = faiss.downcast_index(index.storage)
    return codes if isinstance(codes, faiss.IndexScalarQuantizer | faiss.IndexFlat) else None


def nearest_codes(
    codes: faiss.IndexScalarQuantizer, rows: RowArray, query: Vectors, n_fetched: int
) -> RowArray:
    """The rows (of int64 [m]) whose codes are nearest to a query [1, dim]; they alone are read.

    FAISS has no search for some rows of such codes: they are copied into an index of their own.
    """
    every = faiss.rev_swig_ptr(codes.codes.data(), codes.ntotal * codes.code_size)
    taken = faiss.IndexScalarQuantizer(codes.d, codes.sq.qtype, codes.metric_type)
    taken.sq, taken.is_trained = codes.sq, True
    taken.add_sa_codes(every.reshape(codes.ntotal, codes.code_size)[rows])
    found: RowArray = rows[taken.search(query, n_fetched)[1][0]]
    return found
