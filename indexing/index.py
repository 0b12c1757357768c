"""Unit vectors to a FAISS inner-product index."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import faiss
import numpy as np

from indexing.recall import exact_nearest, filtered_recall, measure_index
from shortlist.bundle import layout
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.errors import CatalogError, PublishError

log = logging.getLogger(__name__)

EXACT_UP_TO = 50_000
WANTED_RECALL = 0.98
GRAPH = "HNSW48,SQ8"
_SCANNED_UP_TO = 3_000_000
"""Codes that are gone through for each query: 2.5 ms for a million; a graph costs its building."""

_DIMS_EACH = 4
"""Of a vector so many numbers become a code of four bits: an eighth of a byte a number."""

_ADD_ROWS = 65_536
EXACT_BESIDE = 10_000
_TRAINING_ROWS = 200_000
_CODEBOOK_ROWS, _CODEBOOK_STEPS = 50_000, 10
"""What sixteen codes a part are learnt from; more changes recall in the fourth digit."""

_EF_CONSTRUCTION = 200
_EF_SEARCH = (100, 128, 192, 256, 384, 512, 768)
_N_PROBE = (1, 4, 16, 64, 256)
_OVERFETCH = 2
_RESCORED = (250, 500, 1000, 2000, 4000, 8000)


def approximate(embedding_dim: int, *, n_items: int) -> str:
    """The FAISS factory string that `auto` takes for so many items that exact search is too slow.

    Codes of four bits that are gone through one and all, looked up in registers (fast scan), whose
    best are then scored exactly: built in seconds, and as good for queries that are unlike all
    documents. A graph above three million items, and where the vectors cannot be parted.
    Source: André, Kermarrec and Le Scouarnec 2015, Cache locality is not enough.
    """
    if n_items > _SCANNED_UP_TO or embedding_dim % _DIMS_EACH:
        return GRAPH
    return f"PQ{embedding_dim // _DIMS_EACH}x4fs"


_SCAN = re.compile(r"PQ[0-9]+x4fs", re.ASCII)


def build_index(
    vectors: Vectors, folder: Path, *, kind: str, probes: Callable[[], Vectors]
) -> RetrievalInfo:
    """Write index.faiss over float32 unit rows [n, dim] and describe it.

    `kind` is `flat`, a FAISS factory string, or `auto`: exact up to 50,000 rows, above that the
    approximate index with the first search parameters that reach recall@50 of 0.98 on the
    `probes` (float32 [n_probes, dim], called for only when needed), under filters that half of the
    items to one in a thousand pass too, or at least without one; if none does, exact. Raises
    CatalogError for a factory string that FAISS refuses.
    """
    n_items, dim = vectors.shape
    by_size = "Flat" if n_items <= EXACT_UP_TO else approximate(dim, n_items=n_items)
    factory = {"auto": by_size, "flat": "Flat"}.get(kind, kind)
    write_index(factory, vectors, folder)
    if factory == "Flat":
        return describe(factory, exact=True)
    info = _tune(factory, vectors, folder, probes())
    if kind != "auto" or (info.recall or 0) >= WANTED_RECALL:
        return info
    log.warning("%s reaches recall %.3f, below %.2f: exact", factory, info.recall, WANTED_RECALL)
    write_index("Flat", vectors, folder)
    return describe("Flat", exact=True)


def kind_beside(kind: str, *, n_entries: int, n_items: int, embedding_dim: int) -> str:
    """How a segment of `n_entries` is indexed that stands beside others, by how all would be.

    Exact up to 10,000 entries, of which a search costs a millisecond, and in a catalogue of up to
    50,000 items: small segments are many, and few entries train no index.
    """
    if kind == "flat" or n_entries <= EXACT_BESIDE or n_items <= EXACT_UP_TO:
        return "flat"
    return approximate(embedding_dim, n_items=n_entries) if kind == "auto" else kind


def make_index(embedding_dim: int, factory: str) -> faiss.Index:
    """An empty inner-product index. Raises CatalogError for a factory string FAISS refuses."""
    with _explained(factory, "FAISS refuses it"):
        return faiss.index_factory(embedding_dim, factory, faiss.METRIC_INNER_PRODUCT)


@contextmanager
def _explained(factory: str, problem: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        raise CatalogError(f"index.type {factory!r}: {problem}: {error}") from error


def write_index(factory: str, vectors: Vectors, folder: Path) -> None:
    """Build the index of this factory string over all rows and write index.faiss.

    It is trained on at most 200,000 rows, codes by parts on 50,000, drawn evenly and the same for
    equal corpora.
    """
    index = make_index(vectors.shape[1], factory)
    if hasattr(index, "hnsw"):
        index.hnsw.efConstruction = _EF_CONSTRUCTION
    if not index.is_trained:
        n_rows = _TRAINING_ROWS
        if hasattr(index, "pq"):
            n_rows, index.pq.cp.niter = _CODEBOOK_ROWS, _CODEBOOK_STEPS
        step = max(1, len(vectors) // n_rows)
        with _explained(factory, f"cannot be trained on {len(vectors)} items"):
            index.train(np.ascontiguousarray(vectors[::step]))
    with _explained(factory, "takes no vectors"):
        for begin in range(0, len(vectors), _ADD_ROWS):
            index.add(np.ascontiguousarray(vectors[begin : begin + _ADD_ROWS]))
    try:
        faiss.write_index(index, str(folder / layout.INDEX))
    except RuntimeError as error:
        raise PublishError(f"{folder / layout.INDEX}: cannot be written: {error}") from error


def _tune(factory: str, vectors: Vectors, folder: Path, probes: Vectors) -> RetrievalInfo:
    """The first search parameters that reach the wanted recall, else the best of them.

    Under filters too; where no parameters do that, by the recall without one alone.
    """
    exact = exact_nearest(probes, vectors, depth=min(50, len(vectors)))
    tried = []
    for params in search_parameters(factory):
        info = describe(factory, exact=False, params=params)
        with _explained(factory, "cannot be searched"):
            measured = measure_index(folder, info, vectors, probes, exact)
        log.info(
            "%s %s: recall@50 %.4f, p50 %.2f ms", factory, params, measured.recall, measured.p50_ms
        )
        found = {"recall": round(measured.recall, 4), "p50_ms": round(measured.p50_ms, 3)}
        tried.append(info.model_copy(update=found))
        if measured.recall >= WANTED_RECALL:
            filtered = filtered_recall(folder, info, vectors, probes)
            tried[-1] = tried[-1].model_copy(update={"filtered_recall": filtered})
            if min(filtered.values()) >= WANTED_RECALL:
                return tried[-1]
            log.info("%s %s: recall@50 under filters %s", factory, params, filtered)
    enough = [one for one in tried if (one.recall or 0) >= WANTED_RECALL]
    if enough:
        return enough[0]
    best = max(tried, key=lambda info: info.recall or 0)
    filtered = filtered_recall(folder, best, vectors, probes)
    return best.model_copy(update={"filtered_recall": filtered})


def search_parameters(factory: str) -> Iterator[dict[str, int]]:
    """What is tried, cheapest first; a type without such parameters is measured once."""
    if factory == "Flat":
        yield {}
    elif "HNSW" in factory and "IVF" not in factory:
        yield from ({"ef_search": ef, "overfetch": _OVERFETCH} for ef in _EF_SEARCH)
    elif factory.startswith("IVF"):
        yield from ({"n_probe": n, "overfetch": _OVERFETCH} for n in _N_PROBE)
    elif _SCAN.fullmatch(factory):
        yield from ({"rescored": n} for n in _RESCORED)
    else:
        yield {"overfetch": _OVERFETCH}


def describe(factory: str, *, exact: bool, params: dict[str, int] | None = None) -> RetrievalInfo:
    """The manifest's description of index.faiss, not yet measured."""
    return RetrievalInfo(
        backend="faiss", file=layout.INDEX, type=factory, exact=exact, params=dict(params or {})
    )
