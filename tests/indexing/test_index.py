"""One contract for every type of index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexing.index import (
    approximate,
    build_index,
    describe,
    kind_beside,
    make_index,
    write_index,
)
from indexing.recall import exact_nearest, measure_index
from shortlist.bundle import layout
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.errors import CatalogError

Films = Callable[..., Path]
Refused = Callable[..., str]

N_ITEMS, DIM = 400, 16
EVERY_LIST = 8


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Random unit rows."""
    rows = np.random.default_rng(5).normal(size=(N_ITEMS, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("factory", ["Flat", "HNSW16", "IVF8,Flat", "SQfp16"])
def test_every_index_finds_each_vector_by_itself(
    tmp_path: Path, vectors: np.ndarray, factory: str
) -> None:
    write_index(factory, vectors, tmp_path)
    index = faiss.read_index(str(tmp_path / layout.INDEX))
    assert (index.ntotal, index.d) == (N_ITEMS, DIM)
    assert index.metric_type == faiss.METRIC_INNER_PRODUCT
    if factory.startswith("IVF"):
        index.nprobe = EVERY_LIST
    scores, rows = index.search(vectors, 1)
    assert np.mean(rows[:, 0] == np.arange(N_ITEMS)) >= (1.0 if "HNSW" not in factory else 0.99)
    # A unit vector's inner product with itself is 1; fp16 keeps three digits.
    found = rows[:, 0] == np.arange(N_ITEMS)
    np.testing.assert_allclose(scores[found, 0], 1.0, atol=1e-3 if "fp16" in factory else 1e-5)


def test_a_flat_index_gives_the_true_inner_products(tmp_path: Path, vectors: np.ndarray) -> None:
    write_index("Flat", vectors, tmp_path)
    scores, rows = faiss.read_index(str(tmp_path / layout.INDEX)).search(vectors[:5], N_ITEMS)
    truth = vectors[:5] @ vectors.T
    np.testing.assert_allclose(scores, np.take_along_axis(truth, rows, axis=1), atol=1e-6)
    assert np.all(np.diff(scores, axis=1) <= 0)


@pytest.mark.parametrize("factory", ["Nonsense", "PQ5"])
def test_a_factory_string_that_faiss_refuses_is_a_catalogue_error(factory: str) -> None:
    with pytest.raises(CatalogError, match=rf"^index\.type '{factory}': FAISS refuses it: "):
        make_index(DIM, factory)


def test_a_catalogue_with_an_index_type_that_faiss_refuses_is_not_published(
    films: Films, refused: Refused
) -> None:
    path = films(("[document]", '[index]\ntype = "RFlat"\n[document]'))
    assert refused(path).startswith("index.type 'RFlat': FAISS refuses it: ")


def test_a_graph_is_searched_as_deep_as_filters_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(3).normal(size=(2000, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    through = {100: 0.9, 128: 0.979, 192: 0.981}

    def filtered(_: Path, info: RetrievalInfo, *__: object) -> dict[str, float]:
        return {"0.5": 1.0, "0.01": through.get(int(info.params["ef_search"]), 0.5)}

    monkeypatch.setattr("indexing.index.filtered_recall", filtered)
    info = build_index(rows, tmp_path, kind="HNSW16", probes=lambda: rows[:20])
    assert info.params["ef_search"] == 192 and info.filtered_recall == {"0.5": 1.0, "0.01": 0.981}
    through.clear()  # whatever is tried: the recall without a filter decides alone
    info = build_index(rows, tmp_path, kind="HNSW16", probes=lambda: rows[:20])
    assert info.params["ef_search"] == 100 and info.filtered_recall == {"0.5": 1.0, "0.01": 0.5}


def test_an_index_that_needs_more_items_than_there_are_is_not_published(
    films: Films, refused: Refused
) -> None:
    path = films(("[document]", '[index]\ntype = "IVF8,Flat"\n[document]'))
    assert refused(path).startswith("index.type 'IVF8,Flat': cannot be trained on 5 items: ")


@pytest.mark.parametrize(
    ("dim", "n_items", "factory"),
    [
        (384, 60_000, "PQ96x4fs"),
        (768, 3_000_000, "PQ192x4fs"),
        (384, 3_000_001, "HNSW48,SQ8"),
        (30, 60_000, "HNSW48,SQ8"),  # cannot be parted into fours
    ],
)
def test_codes_are_gone_through_up_to_three_million_items(
    dim: int, n_items: int, factory: str
) -> None:
    assert approximate(dim, n_items=n_items) == factory
    beside = kind_beside("auto", n_entries=n_items, n_items=n_items, embedding_dim=dim)
    assert beside == factory


def test_as_many_rows_are_scored_again_as_recall_asks_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    both = rng.normal(size=(6040, 32)).astype(np.float32)
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    rows, probes = both[:6000], both[6000:]
    info = build_index(rows, tmp_path, kind="PQ8x4fs", probes=lambda: probes)
    assert info.recall is not None and info.recall >= 0.98
    assert info.filtered_recall is not None and min(info.filtered_recall.values()) >= 0.98
    rescored = int(info.params["rescored"])
    assert rescored > 250  # of random directions the best 250 by codes hold fewer than that
    less = describe("PQ8x4fs", exact=False, params={"rescored": 250})
    exact = exact_nearest(probes, rows)
    assert measure_index(tmp_path, less, rows, probes, exact).recall < 0.98
