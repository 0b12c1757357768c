"""Retrieval from several segments finds what one index of everything finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from shortlist.bundle.arrays import Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.bundle.places import places_of
from shortlist.bundle.vectors import AllVectors
from shortlist.engine.lanes.faiss_backend import FaissRetriever
from shortlist.engine.lanes.segments import RetrievedSegment, SegmentsRetriever
from shortlist.engine.row_sets import RowSet

DIM, N_ITEMS = 24, 3000
Made = tuple[SegmentsRetriever, Vectors]


def unit(rng: np.random.Generator, n: int) -> Vectors:
    centres = rng.normal(size=(40, DIM))
    rows = centres[rng.integers(40, size=n)] + rng.normal(size=(n, DIM)) * 0.4
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def retriever_of(tmp_path: Path) -> Callable[[str], Made]:
    """Three segments over 3,000 items, a third of the first one's entries gone."""

    def make(factory: str) -> Made:
        rng = np.random.default_rng(8)
        rows = rng.permutation(N_ITEMS).astype(np.int32)
        parts = [np.where(rng.random(2700) < 0.3, -1, rows[:2700]).astype(np.int32)]
        missing = np.setdiff1d(np.arange(N_ITEMS), parts[0][parts[0] >= 0]).astype(np.int32)
        parts += [missing[:500], np.append(missing[500:], np.int32(-1))]
        vectors = [unit(rng, len(own)) for own in parts]
        segments = []
        for number, (own, held) in enumerate(zip(parts, vectors, strict=True)):
            kind = factory if number == 0 else "Flat"
            index = faiss.index_factory(DIM, kind, faiss.METRIC_INNER_PRODUCT)
            index.add(held)
            folder = tmp_path / f"{factory}-{number}"
            folder.mkdir()
            faiss.write_index(index, str(folder / "index.faiss"))
            params = {"ef_search": 200, "overfetch": 2} if kind != "Flat" else {}
            info = RetrievalInfo(
                backend="faiss",
                file="index.faiss",
                type=kind,
                exact=kind == "Flat",
                params=params,
            )
            segments.append(RetrievedSegment(FaissRetriever(folder, info, held), own))
        every = AllVectors(vectors, places_of(parts, n_items=N_ITEMS))
        return SegmentsRetriever(segments, every), every[:]

    return make


def nearest(vectors: Vectors, query: Vectors, rows: np.ndarray, n: int) -> list[int]:
    order = np.argsort(-np.vecdot(vectors[rows], query), kind="stable")[:n]
    found: list[int] = rows[order].tolist()
    return found


@pytest.mark.parametrize("n", [1, 50, N_ITEMS + 5])
def test_exact_segments_are_searched_exactly(retriever_of: Callable[[str], Made], n: int) -> None:
    retriever, vectors = retriever_of("Flat")
    for query in unit(np.random.default_rng(1), 20):
        found = retriever.retrieve(query, n)
        assert found.exact and len(found.rows) == min(n, N_ITEMS)
        assert found.rows.tolist() == nearest(vectors, query, np.arange(N_ITEMS), n)
        np.testing.assert_allclose(found.scores, vectors[found.rows] @ query, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("factory", ["Flat", "HNSW16"])
def test_a_filter_lets_nothing_else_pass_and_misses_little(
    retriever_of: Callable[[str], Made], factory: str, share: float
) -> None:
    retriever, vectors = retriever_of(factory)
    rng = np.random.default_rng(2)
    mask = rng.random(N_ITEMS) < share
    rows, shares = RowSet.of_mask(mask), []
    for query in unit(rng, 20):
        found = retriever.retrieve_among(query, 50, rows, exact_up_to=0)
        expected = nearest(vectors, query, np.flatnonzero(mask), 50)
        assert len(found.rows) == len(expected) and mask[found.rows].all()
        shares.append(len(set(found.rows.tolist()) & set(expected)) / max(1, len(expected)))
    assert np.mean(shares) >= (1.0 if factory == "Flat" else 0.98) or not len(rows)


def test_an_approximate_segment_with_gone_entries_misses_little(
    retriever_of: Callable[[str], Made],
) -> None:
    retriever, vectors = retriever_of("HNSW16")
    shares = []
    for query in unit(np.random.default_rng(3), 50):
        found = retriever.retrieve(query, 50)
        assert len(found.rows) == 50 and not found.exact
        expected = nearest(vectors, query, np.arange(N_ITEMS), 50)
        shares.append(len(set(found.rows.tolist()) & set(expected)) / 50)
    assert np.mean(shares) >= 0.98


def test_an_index_whose_entries_are_all_gone_finds_nothing(tmp_path: Path) -> None:
    held = unit(np.random.default_rng(4), 10)
    index = faiss.IndexFlatIP(DIM)
    index.add(held)
    faiss.write_index(index, str(tmp_path / "index.faiss"))
    info = RetrievalInfo(backend="faiss", file="index.faiss", type="Flat", exact=True)
    gone = RetrievedSegment(FaissRetriever(tmp_path, info, held), np.full(10, -1, np.int32))
    assert gone.nearest(held[0], 5).tolist() == []
