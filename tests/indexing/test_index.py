"""One contract for every type of index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexing.index import build_index, make_index, write_index
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
