"""What must hold of codes of four bits before FAISS goes through them: it trusts a file in this."""

from __future__ import annotations

from collections.abc import Iterator

import faiss

from shortlist.errors import BundleCorrupt

_BITS, _CENTROIDS, _BLOCK = 4, 16, 32


def check_scan(file: str, index: faiss.Index) -> None:
    """Raises BundleCorrupt for such codes whose numbers do not fit each other, or are in lists.

    FAISS reads `bbs` rows at a time from where they should stand, and ends the process for a way to
    go through them that it has not compiled. Of codes in lists it does not say what there is. Any
    other index is none of this one's business.
    """
    if isinstance(index, faiss.IndexIVFFastScan):
        raise BundleCorrupt(f"{file}: codes of four bits in lists cannot be checked")
    if not isinstance(index, faiss.IndexPQFastScan):
        if isinstance(index, faiss.IndexFastScan):
            raise BundleCorrupt(f"{file}: codes of four bits of an unknown kind")
        return
    for name, found, expected in _numbers(index):
        if found != expected:
            raise BundleCorrupt(f"{file}: {name} is {found}, expected {expected}")


def _numbers(index: faiss.Index) -> Iterator[tuple[str, int, int]]:
    """Every number that another one decides: its name, what it is, what it must be."""
    n_codes = index.M + index.M % 2
    yield "nbits", index.nbits, _BITS
    yield "ksub", index.ksub, _CENTROIDS
    yield "bbs", index.bbs, _BLOCK
    yield "implem", index.implem, 0
    yield "qbs", index.qbs, 0
    yield "skip", index.skip, 0
    yield "M2", index.M2, n_codes
    yield "code_size", index.code_size, (index.M * _BITS + 7) // 8
    pq = index.pq
    yield "pq.d", pq.d, index.d
    yield "pq.M", pq.M, index.M
    yield "pq.nbits", pq.nbits, _BITS
    yield "pq.ksub", pq.ksub, _CENTROIDS
    yield "pq.M * pq.dsub", pq.M * pq.dsub, index.d
    yield "centroids", pq.centroids.size(), index.d * _CENTROIDS
    n_rows = -(-index.ntotal // _BLOCK) * _BLOCK
    yield "ntotal2", index.ntotal2, n_rows
    yield "codes", index.codes.size(), n_rows * n_codes // 2
