"""The contract of retrieval, kept by every index type."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
import pytest

from indexing.index import describe, write_index
from indexing.recall import filtered_recall
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.engine.lanes.faiss_backend import FaissRetriever
from shortlist.engine.lanes.filter_costs import FilterCosts
from shortlist.engine.row_sets import RowSet
from shortlist.errors import BundleCorrupt

FloatArray = npt.NDArray[np.float32]
Params = dict[str, int | float | str]

INDEX_TYPES: dict[str, tuple[str, Params]] = {
    "flat": ("Flat", {}),
    "hnsw": ("HNSW32", {"ef_search": 64}),
    "hnsw-sq8": ("HNSW32,SQ8", {"ef_search": 96, "overfetch": 2}),
    "sq8": ("SQ8", {"overfetch": 2}),
    "ivf": ("IVF8,Flat", {"n_probe": 8}),
    "scan": ("PQ6x4fs", {"rescored": 200}),
}
LOSSY = [name for name in INDEX_TYPES if name != "flat"]

Retrieve = Callable[..., FaissRetriever]


def unit_rows(n_rows: int, dim: int, *, seed: int) -> FloatArray:
    """Random directions, float32 [n_rows, dim]."""
    rows = np.random.default_rng(seed).normal(size=(n_rows, dim)).astype(np.float32)
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


CORPUS = unit_rows(600, 24, seed=1)
QUERIES = unit_rows(40, 24, seed=2)


@pytest.fixture
def retriever_of(tmp_path: Path) -> Retrieve:
    """Builds an index over the vectors and opens it; `params` replaces the type's own."""

    def make(name: str, vectors: FloatArray, params: Params | None = None) -> FaissRetriever:
        factory, own = INDEX_TYPES[name]
        index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(vectors)
        index.add(vectors)
        faiss.write_index(index, str(tmp_path / "index.faiss"))
        info = RetrievalInfo(
            backend="faiss",
            file="index.faiss",
            type=factory,
            exact=factory == "Flat",
            params=own if params is None else params,
        )
        return FaissRetriever(tmp_path, info, vectors)

    return make


@pytest.fixture(params=INDEX_TYPES)
def retriever(request: pytest.FixtureRequest, retriever_of: Retrieve) -> FaissRetriever:
    """One retriever of each type over the same 600 vectors."""
    return retriever_of(request.param, CORPUS)


def test_scores_are_the_true_inner_products(retriever: FaissRetriever) -> None:
    for query in QUERIES:
        found = retriever.retrieve(query, 50)
        expected = CORPUS[found.rows].astype(np.float64) @ query.astype(np.float64)
        assert found.scores.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
        assert [found.rows.dtype.name, found.scores.dtype.name] == ["int64", "float32"]


def test_candidates_come_best_first_and_each_row_once(retriever: FaissRetriever) -> None:
    for query in QUERIES:
        found = retriever.retrieve(query, 50)
        assert len(found.rows) == len(set(found.rows.tolist())) == 50
        assert (np.diff(found.scores) <= 0).all()


def test_nearly_all_of_the_true_neighbours_are_found(retriever: FaissRetriever) -> None:
    overlaps = []
    for query in QUERIES:
        expected = np.argsort(-(CORPUS @ query), kind="stable")[:50]
        overlaps.append(len(set(retriever.retrieve(query, 50).rows) & set(expected)) / 50)
    assert np.mean(overlaps) >= 0.95


def test_a_stored_vector_finds_itself_first_with_a_score_of_at_most_one(
    retriever: FaissRetriever,
) -> None:
    for row in (0, 299, 599):
        found = retriever.retrieve(CORPUS[row], 1)
        assert found.rows.tolist() == [row]
        assert 1 - 1e-6 <= found.scores[0] <= 1


def test_more_candidates_than_items_are_all_the_items(retriever_of: Retrieve) -> None:
    for name in ("flat", "hnsw", "hnsw-sq8", "sq8"):
        found = retriever_of(name, CORPUS[:7]).retrieve(QUERIES[0], 1000)
        assert sorted(found.rows.tolist()) == list(range(7))


@pytest.mark.parametrize("name", ["flat", "hnsw", "sq8"])
def test_a_corpus_of_one_item_answers_with_it(retriever_of: Retrieve, name: str) -> None:
    found = retriever_of(name, CORPUS[:1]).retrieve(QUERIES[0], 50)
    assert found.rows.tolist() == [0]
    assert found.scores[0] == pytest.approx(float(CORPUS[0] @ QUERIES[0]), abs=1e-6)


@pytest.mark.parametrize("name", ["flat", "hnsw", "sq8"])
def test_equal_vectors_tie_exactly_and_come_in_row_order(retriever_of: Retrieve, name: str) -> None:
    vectors = np.tile(CORPUS[:3], (7, 1))  # row r is CORPUS[r % 3]
    found = retriever_of(name, vectors).retrieve(QUERIES[0], 21)
    best = np.argsort(-(CORPUS[:3] @ QUERIES[0])).tolist()
    expected = [[kind + 3 * copy for copy in range(7)] for kind in best]
    assert found.rows.tolist() == [row for rows in expected for row in rows]
    assert len(set(found.scores.tolist())) == 3


def test_a_score_does_not_depend_on_what_else_was_found(retriever_of: Retrieve) -> None:
    retriever = retriever_of("flat", CORPUS)
    for query in QUERIES:
        many = retriever.retrieve(query, 200)
        for n_candidates in (1, 2, 3, 7, 50):
            few = retriever.retrieve(query, n_candidates)
            assert few.rows.tolist() == many.rows[:n_candidates].tolist()
            assert few.scores.tolist() == many.scores[:n_candidates].tolist()


def test_cosines_of_a_3_4_5_triangle_are_exact(retriever_of: Retrieve) -> None:
    vectors = np.array([[-1, 0], [0.6, 0.8], [0, 1], [0.8, 0.6], [1, 0]], np.float32)
    found = retriever_of("flat", vectors).retrieve(np.array([1, 0], np.float32), 4)
    assert found.rows.tolist() == [4, 3, 1, 2]
    assert found.scores.tolist() == pytest.approx([1, 0.8, 0.6, 0], abs=1e-7)
    assert found.exact


@pytest.mark.parametrize("name", INDEX_TYPES)
def test_only_the_flat_index_promises_the_best_of_the_whole_corpus(
    retriever_of: Retrieve, name: str
) -> None:
    assert retriever_of(name, CORPUS).retrieve(QUERIES[0], 5).exact is (name == "flat")


def test_padding_of_an_index_that_finds_too_few_is_dropped(retriever_of: Retrieve) -> None:
    retriever = retriever_of("ivf", CORPUS, {"n_probe": 1})  # looks into 1 list of 8
    sizes = []
    for query in QUERIES:
        found = retriever.retrieve(query, 400)
        assert (found.rows >= 0).all()
        assert len(found.rows) == len(found.scores) == len(set(found.rows.tolist()))
        assert found.scores.tolist() == pytest.approx(
            (CORPUS[found.rows] @ query).tolist(), abs=1e-6
        )
        sizes.append(len(found.rows))
    assert 0 < min(sizes) <= max(sizes) < 400


@pytest.mark.parametrize("name", INDEX_TYPES)
def test_sixteen_threads_find_what_one_thread_finds(retriever_of: Retrieve, name: str) -> None:
    retriever = retriever_of(name, CORPUS)

    def answers(n_candidates: int) -> list[tuple[list[int], list[float]]]:
        found = [retriever.retrieve(query, n_candidates) for query in QUERIES]
        return [(one.rows.tolist(), one.scores.tolist()) for one in found]

    depths = [10, 20, 50, 100] * 4
    alone = [answers(depth) for depth in depths]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(answers, depths)) == alone


def test_a_query_leaves_the_search_parameters_of_the_shared_index_alone(
    retriever_of: Retrieve,
) -> None:
    retriever = retriever_of("hnsw", CORPUS, {"ef_search": 10})
    before = retriever.retrieve(QUERIES[0], 10).rows.tolist()
    retriever.retrieve(QUERIES[1], 500)
    assert retriever.retrieve(QUERIES[0], 10).rows.tolist() == before


def test_an_index_over_other_vectors_is_refused(retriever_of: Retrieve, tmp_path: Path) -> None:
    retriever_of("flat", CORPUS)
    info = RetrievalInfo(backend="faiss", file="index.faiss", type="Flat", exact=True)
    message = r"index.faiss: holds \(600, 24\) values, expected \(599, 24\)"
    with pytest.raises(BundleCorrupt, match=message):
        FaissRetriever(tmp_path, info, CORPUS[:599])


@pytest.mark.parametrize("content", [b"", b"not an index", b"IxFI" + b"\xff" * 60])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.faiss").write_bytes(content)
    info = RetrievalInfo(backend="faiss", file="index.faiss", type="Flat", exact=True)
    with pytest.raises(BundleCorrupt, match=r"index\.faiss: FAISS cannot read it"):
        FaissRetriever(tmp_path, info, CORPUS)


def filtered_setup(tmp_path: Path) -> tuple[FaissRetriever, np.ndarray]:
    """An approximate graph over 3,000 random unit vectors."""
    rng = np.random.default_rng(11)
    vectors = rng.standard_normal((3000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_index("HNSW16", vectors, tmp_path)
    info = describe("HNSW16", exact=False, params={"ef_search": 64, "overfetch": 2})
    return FaissRetriever(tmp_path, info, vectors), vectors


@pytest.mark.parametrize("n_rows", [0, 1, 3, 300, 3000])
def test_a_filter_that_lets_few_pass_is_scored_exactly(tmp_path: Path, n_rows: int) -> None:
    retriever, vectors = filtered_setup(tmp_path)
    rows = np.sort(np.random.default_rng(1).permutation(3000)[:n_rows])
    among = RowSet.of_rows(rows, 3000)
    found = retriever.retrieve_among(vectors[7], 20, among, exact_up_to=3000)
    expected = rows[np.argsort(-(vectors[rows] @ vectors[7]), kind="stable")][:20]
    assert found.exact
    assert found.rows.tolist() == expected.tolist()


@pytest.mark.parametrize("n_rows", [5, 30, 1500])
def test_a_filter_through_the_graph_is_never_short(tmp_path: Path, n_rows: int) -> None:
    retriever, vectors = filtered_setup(tmp_path)
    rows = np.sort(np.random.default_rng(2).permutation(3000)[:n_rows])
    among = RowSet.of_rows(rows, 3000)
    for query in vectors[:20]:
        found = retriever.retrieve_among(query, 20, among, exact_up_to=0)
        assert len(found.rows) == min(20, n_rows)
        assert set(found.rows.tolist()) <= set(rows.tolist())
        np.testing.assert_allclose(found.scores, vectors[found.rows] @ query, atol=1e-6)


@pytest.mark.parametrize("n_rows", [1, 40, 200, 599, 600])
def test_every_index_finds_nearly_all_that_pass_and_nothing_else(
    retriever: FaissRetriever, n_rows: int
) -> None:
    rows = np.sort(np.random.default_rng(n_rows).permutation(600)[:n_rows])
    among, n_found, shared = RowSet.of_rows(rows, 600), min(50, n_rows), 0
    for query in QUERIES:
        found = retriever.retrieve_among(query, 50, among, exact_up_to=0)
        assert len(found.rows) == len(set(found.rows.tolist())) == n_found
        assert set(found.rows.tolist()) <= set(rows.tolist())
        assert found.scores.tolist() == pytest.approx(
            (CORPUS[found.rows] @ query).tolist(), abs=1e-6
        )
        best = rows[np.argsort(-(CORPUS[rows] @ query), kind="stable")][:50]
        shared += len(np.intersect1d(found.rows, best))
    assert shared >= 0.98 * n_found * len(QUERIES)


def in_clusters() -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """4,000 unit vectors close around 20 middles, and which middle each is at."""
    rng = np.random.default_rng(5)
    of = np.arange(4000) % 20
    rows = unit_rows(20, 24, seed=6)[of] + 0.1 * rng.normal(size=(4000, 24))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), of


@pytest.mark.parametrize("name", ["hnsw", "hnsw-sq8", "ivf"])
def test_a_filter_that_lets_nothing_near_the_query_pass_is_answered_from_farther_away(
    retriever_of: Retrieve, name: str
) -> None:
    vectors, of = in_clusters()
    retriever = retriever_of(name, vectors)
    for query_row in range(0, 100, 7):
        rows = np.flatnonzero((of != of[query_row]) & (np.arange(4000) % 2 == 0))
        query, among = vectors[query_row], RowSet.of_rows(rows, 4000)
        found = retriever.retrieve_among(query, 50, among, exact_up_to=0)
        best = rows[np.argsort(-(vectors[rows] @ query), kind="stable")][:50]
        assert len(found.rows) == 50 and np.isin(found.rows, rows).all()
        assert len(np.intersect1d(found.rows, best)) >= 45


def test_few_rows_are_looked_up_and_more_gone_through_or_walked_to() -> None:
    # of a million: 1.5 · n for codes looked up against n + 12,500; 17 for each step of a graph
    assert FilterCosts(1000, 1_000_000).are_few and not FilterCosts(1001, 1_000_000).are_few
    assert FilterCosts(24_000, 1_000_000).are_taken and not FilterCosts(26_000, 1_000_000).are_taken
    tenth, hundredth = FilterCosts(100_000, 1_000_000), FilterCosts(10_000, 1_000_000)
    assert tenth.walk(1250) == 21_250 < tenth.codes == 112_500
    assert hundredth.walk(12_500) == 212_500 > hundredth.codes == 15_000
    assert hundredth.share == 0.01 and FilterCosts(0, 100).share == 0.01


def test_the_recall_under_a_filter_is_measured_by_share(tmp_path: Path) -> None:
    _retriever, vectors = filtered_setup(tmp_path)
    info = describe("HNSW16", exact=False, params={"ef_search": 64, "overfetch": 2})
    recall = filtered_recall(tmp_path, info, vectors, vectors[:30])
    assert list(recall) == ["0.5", "0.1", "0.01", "0.001"]
    assert all(0.9 < value <= 1 for value in recall.values())
    flat = describe("HNSW16", exact=True)
    assert set(filtered_recall(tmp_path, flat, vectors, vectors[:5]).values()) == {1.0}
