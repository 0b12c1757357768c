"""One contract for whatever retrieves: FAISS, exact and not, Milvus Lite and a Milvus server."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import faiss
import numpy as np
import pyarrow as pa
import pytest

from indexing.catalog.retrieval import Backend, CollectionIndex, RetrievalConfig
from indexing.collecting import Collecting
from indexing.collecting.owned import Collections
from shortlist.bundle.arrays import Csr, Vectors
from shortlist.bundle.attributes import CODED, DATE, LISTED, POINTS, TIMES, Mask
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.bundle.places import places_of
from shortlist.bundle.reader import Bundle
from shortlist.bundle.tables import Categories, ItemTable, write_items
from shortlist.bundle.vectors import AllVectors
from shortlist.engine.conditions import Filters
from shortlist.engine.filters import passing
from shortlist.engine.lanes.faiss_backend import FaissRetriever
from shortlist.engine.lanes.segments import RetrievedSegment, SegmentsRetriever
from shortlist.engine.remote import collection as module
from shortlist.engine.remote.collection import CollectedSegment, MilvusCollection, in_version
from shortlist.engine.remote.expressions import KEY, expression_of
from shortlist.engine.remote.server import MilvusServer as Asked
from shortlist.engine.row_sets import RowSet

DIM, N_ITEMS, N_SMALL = 24, 3000, 400
DAY_US = 86_400_000_000
ALL = ["faiss-exact", "faiss-approximate", "milvus-lite", "milvus-graph", "milvus-lists"]
COLLECTED = ALL[2:]
COLOURS = ['"blue"', "green' or 1 == 1", "red"]


def unit(rng: np.random.Generator, n: int) -> Vectors:
    centres = np.random.default_rng(1).normal(size=(40, DIM))
    rows = centres[rng.integers(40, size=n)] + rng.normal(size=(n, DIM)) * 0.4
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def gaps(values: list[Any]) -> list[Any]:
    """Every seventh is missing."""
    return [None if n % 7 == 3 else value for n, value in enumerate(values)]


def coded(values: list[Any]) -> pa.Array:
    """Texts as a bundle has them: codes of names that rise."""
    names = sorted({one for one in values if one is not None})
    codes = [None if one is None else names.index(one) for one in values]
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32()), pa.array(names, pa.large_string())
    ).cast(CODED)


def listed(values: list[list[str]]) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in values])]).astype(np.int64)
    inner = coded(list(itertools.chain.from_iterable(values)))
    return pa.LargeListArray.from_arrays(pa.array(offsets), inner).cast(LISTED)


def items_of(n: int) -> ItemTable:
    """Items whose values follow from their rows, with every kind of attribute."""
    rng = np.random.default_rng(5)
    shares = [f"1/{every}" for every in (1, 2, 10, 100, 1000)]
    lists = [[code for code, every in enumerate((1, 2, 10, 100, 1000)) if not row % every]
             for row in range(n)]  # fmt: skip
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])])
    indices = np.array(list(itertools.chain.from_iterable(lists)), np.int32)
    times = gaps([{"at": row * DAY_US, "form": DATE} for row in range(n)])
    points = gaps([{"lat": row % 180 - 90, "lon": row % 360 - 180} for row in range(n)])
    return ItemTable(
        titles=pa.array([f"item {row}" for row in range(n)], pa.large_string()),
        categories=Categories(Csr(offsets, indices), tuple(shares)),
        attributes={
            "number of it": pa.array(gaps(list(range(n))), pa.int64()),
            "far": pa.array([2**62 if row % 2 else -(2**63) for row in range(n)], pa.int64()),
            "price": pa.array(gaps([float(one) for one in rng.random(n)]), pa.float64()),
            "colour": coded(gaps([COLOURS[row % 3] for row in range(n)])),
            "sold": pa.array(gaps([row % 2 == 0 for row in range(n)]), pa.bool_()),
            "since": pa.array(times, TIMES),
            "tags": listed([[f"t{row % 5}", f"t{row % 11}"][: row % 3] for row in range(n)]),
            "place": pa.array(points, POINTS),
        },
        popularity=None,
    )


@dataclass(frozen=True)
class Made:
    """A retriever over vectors and items in row order."""

    retriever: SegmentsRetriever
    vectors: Vectors
    items: ItemTable

    def rows(self, wanted: Filters) -> RowSet:
        """The rows that truly pass a filter."""
        words = SimpleNamespace(words=None)
        bundle = SimpleNamespace(items=self.items, n_items=len(self.items), sections=words)
        return passing(cast("Bundle", bundle), wanted, np.empty(0, np.int64)).whole

    def nearest(self, query: Vectors, mask: Mask, n: int) -> list[int]:
        """What truly is nearest, ties in rising row order."""
        rows = np.flatnonzero(mask)
        order = np.argsort(-np.vecdot(self.vectors[rows], query), kind="stable")[:n]
        found: list[int] = rows[order].tolist()
        return found


def made_of(index: Any, vectors: Vectors, items: ItemTable) -> Made:
    """A retriever of one segment whose entries are the rows in their order."""
    rows = np.arange(len(vectors), dtype=np.int32)
    if isinstance(index, FaissRetriever):
        part: Any = RetrievedSegment(index, rows)
    else:
        part = in_version(index, rows, items)
    every = AllVectors([vectors], places_of([rows], n_items=len(vectors)))
    return Made(SegmentsRetriever([part], every), vectors, items)


def faiss_index(folder: Path, vectors: Vectors, kind: str) -> FaissRetriever:
    index = faiss.index_factory(DIM, kind, faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)
    faiss.write_index(index, str(folder / "index.faiss"))
    exact = kind == "Flat"
    params = {} if exact else {"ef_search": 200, "overfetch": 2}
    info = RetrievalInfo(backend="faiss", file="index.faiss", type=kind, exact=exact, params=params)
    return FaissRetriever(folder, info, vectors)


def collect(
    folder: Path, uri: str, vectors: Vectors, items: ItemTable, kind: CollectionIndex
) -> tuple[MilvusCollection, RetrievalInfo]:
    inside = folder / "segment"
    inside.mkdir()
    np.save(inside / "vectors.npy", vectors)
    write_items(folder / "items.arrow", items)
    config = RetrievalConfig(backend=Backend.MILVUS, uri=uri, index=kind)
    info = Collecting(config, Collections(folder)).build(
        vectors,
        inside,
        items=folder / "items.arrow",
        rows=np.arange(len(vectors), dtype=np.int32),
        probes=lambda: unit(np.random.default_rng(9), 40),
    )
    return MilvusCollection(inside, info, vectors), info


MadeOf = Callable[[str], Made]


@pytest.fixture(scope="module")
def made_by(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[MadeOf]:
    """What retrieves, by its name; made when it is first asked for."""
    known: dict[str, Made] = {}

    def make(name: str) -> Made:
        if name not in known:
            known[name] = _make(name, tmp_path_factory.mktemp(name), request)
        return known[name]

    yield make
    for one in known.values():
        for part in one.retriever.parts:
            if isinstance(part, CollectedSegment):
                drop(part.index)


def _make(name: str, folder: Path, request: pytest.FixtureRequest) -> Made:
    n_items = N_SMALL if name == "milvus-lite" else N_ITEMS
    vectors, items = unit(np.random.default_rng(8), n_items), items_of(n_items)
    if name.startswith("faiss"):
        kind = "Flat" if name.endswith("exact") else "HNSW32"
        return made_of(faiss_index(folder, vectors, kind), vectors, items)
    index = CollectionIndex.IVF_FLAT if name.endswith("lists") else CollectionIndex.HNSW
    uri = str(folder / "lite.db")
    if name != "milvus-lite":
        uri = request.getfixturevalue("milvus_server").uri
    collection, info = collect(folder, uri, vectors, items, index)
    assert (info.recall or 0) >= 0.98 and info.filtered_recall is not None
    return made_of(collection, vectors, items)


def drop(index: MilvusCollection) -> None:
    server = index.server
    server.ask(lambda client, time_s: client.drop_collection(index.name, timeout=time_s),
               timeout_s=30)  # fmt: skip
    server.disconnect()


@pytest.fixture(autouse=True)
def _ask_whatever_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows go to the engine too: scoring them here would hide what it does."""
    monkeypatch.setattr(module, "FEW", 0)


@pytest.fixture(params=ALL)
def made(request: pytest.FixtureRequest, made_by: MadeOf) -> Made:
    return made_by(request.param)


@pytest.fixture(params=COLLECTED)
def collected(request: pytest.FixtureRequest, made_by: MadeOf) -> Made:
    return made_by(request.param)


def queries(n: int) -> Vectors:
    return unit(np.random.default_rng(11), n)


def test_scores_are_true_inner_products_best_first_each_row_once(made: Made) -> None:
    for query in queries(5):
        found = made.retriever.retrieve(query, 50)
        assert len(set(found.rows.tolist())) == len(found.rows) == 50
        np.testing.assert_array_equal(found.scores, np.vecdot(made.vectors[found.rows], query))
        assert (np.diff(found.scores) <= 0).all()


def test_little_is_missed(made: Made) -> None:
    everything = np.ones(len(made.vectors), np.bool_)
    shares = []
    for query in queries(40):
        expected = made.nearest(query, everything, 50)
        shares.append(len(set(made.retriever.retrieve(query, 50).rows.tolist()) & set(expected)))
    assert np.mean(shares) >= 0.98 * 50


def test_as_many_are_found_as_there_are(made: Made) -> None:
    n = len(made.vectors)
    assert made.retriever.retrieve(queries(1)[0], n + 5).rows.tolist() != []
    assert len(made.retriever.retrieve(queries(1)[0], n + 5).rows) == n


@pytest.mark.parametrize("n", [10, 50])
@pytest.mark.parametrize("every", [1, 2, 10, 100, 1000, 0])
def test_a_filter_gives_all_that_is_wanted_or_that_there_is_and_nothing_else(
    made: Made, every: int, n: int
) -> None:
    nobody = {"ranges": {"number of it": {"min": N_ITEMS + 1}}}
    asked = {"categories": {"any": [f"1/{every}"]}} if every else nobody
    wanted = Filters.model_validate(asked)
    rows, shares = made.rows(wanted), []
    for query in queries(20):
        found = made.retriever.retrieve_among(query, n, rows, exact_up_to=0, wanted=wanted)
        expected = made.nearest(query, rows.mask, n)
        assert len(found.rows) == min(n, len(rows)) == len(expected)
        assert rows.mask[found.rows].all()
        np.testing.assert_array_equal(found.scores, np.vecdot(made.vectors[found.rows], query))
        shares.append(len(set(found.rows.tolist()) & set(expected)) / max(1, len(expected)))
    assert np.mean(shares) >= 0.95 or not every


def test_rows_that_no_filter_names_are_found_as_well(made: Made) -> None:
    """Such as what a page behind the candidates is made of, or what is left without a blocklist."""
    mask = np.random.default_rng(3).random(len(made.vectors)) < 0.4
    rows, shares = RowSet.of_mask(mask), []
    for query in queries(10):
        found = made.retriever.retrieve_among(query, 50, rows, exact_up_to=0)
        assert len(found.rows) == 50 and mask[found.rows].all()
        shares.append(len(set(found.rows.tolist()) & set(made.nearest(query, mask, 50))))
    assert np.mean(shares) >= 0.95 * 50


def test_threads_hear_what_one_hears(made: Made) -> None:
    wanted = Filters.model_validate({"categories": {"any": ["1/2"]}})
    rows = made.rows(wanted)

    def ask(query: Vectors) -> list[int]:
        every = made.retriever.retrieve(query, 20).rows.tolist()
        among = made.retriever.retrieve_among(query, 20, rows, exact_up_to=0, wanted=wanted)
        return [*every, *among.rows.tolist()]

    asked = list(queries(24))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, asked)) == [ask(one) for one in asked]


FILTERS: list[dict[str, Any]] = [
    {"categories": {"any": ["1/10", "1/100"]}},
    {"categories": {"all": ["1/2", "1/10"], "none": ["1/100"]}},
    {"ranges": {"number of it": {"min": 30, "max": 300}}},
    {"ranges": {"number of it": {"max": 9223372036854775807}}},
    {"ranges": {"far": {"min": -9223372036854775808}}},
    {"ranges": {"far": {"max": -9223372036854775807}}},
    {"ranges": {"price": {"min": 0.25, "max": 0.5}}},
    {"ranges": {"price": {"min": 1e-5}}},
    {"ranges": {"since": {"min": "1970-02-01", "max": "1970-05-01T00:00:00Z"}}},
    {"attributes": {"any": {"number of it": ["5", "70", "71", "99999999999999999999"]}}},
    {"attributes": {"any": {"colour": COLOURS[:2]}}},
    {"attributes": {"any": {"colour": ["no such colour"]}}},
    {"attributes": {"none": {"colour": ["red"], "tags": ["t1", "t2"]}}},
    {"attributes": {"any": {"sold": ["true"], "tags": ["t0"]}}},
    {"attributes": {"none": {"sold": ["false"]}}},
    {"attributes": {"any": {"since": ["1970-01-05", "1970-01-06", "1970-03-01"]}}},
    {"attributes": {"any": {"price": ["0.5", "1e400"]}}},
    {"any_of": [{"categories": {"any": ["1/10"]}}, {"ranges": {"price": {"max": 0.1}}}]},
    {"none_of": [{"ranges": {"number of it": {"min": 100}}}, {"attributes": {"any": {
        "colour": ["red"]}}}]},
    {"all_of": [{"none_of": [{"attributes": {"any": {"sold": ["true"]}}}]}]},
    {"none_of": [{"attributes": {"any": {"colour": ["no such colour"]}}}]},
]  # fmt: skip


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_an_expression_says_what_the_filter_says(collected: Made, wanted: dict[str, Any]) -> None:
    (part,) = collected.retriever.parts
    assert isinstance(part, CollectedSegment)
    filters, index = Filters.model_validate(wanted), part.index
    if not index.is_graph:
        index = index.searched_with({"nprobe": 1000})  # every list is looked into
    said = expression_of(filters, index.items, index.fields)
    assert said.complete
    assert_is_harmless(said.text)
    passing_rows = collected.rows(filters).rows.tolist()
    found = index.search(queries(1)[0], len(collected.vectors), said.text)
    if index.server.uri.endswith(".db"):
        assert set(found.tolist()) <= set(passing_rows)  # it answers short of what there is
    else:
        assert sorted(found.tolist()) == passing_rows


def assert_is_harmless(text: str) -> None:
    """Nothing but names of ours, numbers and operators."""
    words = {"and", "or", "not", "in", "true", KEY, "array_contains", "array_contains_any"}
    for word in re.findall(r"[A-Za-z_]\w*", re.sub(r"\d[\d.]*e[+-]?\d+", "0", text)):
        assert word in words or re.fullmatch(r"f\d+(_known|_lat|_lon)?", word), word
    assert re.fullmatch(r"[\w\s()\[\],.<>=+-]*", text), text


MORE: list[dict[str, Any]] = [
    {"near": {"lat": -70.0, "lon": 20.0, "km": 3000.0}},
    {"none_of": [{"near": {"lat": -70.0, "lon": 20.0, "km": 3000.0}}]},
    {"any_of": [{"near": {"lat": 0.0, "lon": 0.0, "km": 900.0}}, {"categories": {"any": ["1/2"]}}]},
]


@pytest.mark.parametrize("wanted", MORE, ids=str)
def test_what_no_expression_says_is_looked_at_here(collected: Made, wanted: dict[str, Any]) -> None:
    filters = Filters.model_validate(wanted)
    rows, query = collected.rows(filters), queries(1)[0]
    assert len(rows) > 10
    found = collected.retriever.retrieve_among(query, 50, rows, exact_up_to=0, wanted=filters)
    assert len(found.rows) == min(50, len(rows)) and rows.mask[found.rows].all()
    expected = collected.nearest(query, rows.mask, 50)
    assert len(set(found.rows.tolist()) & set(expected)) >= 0.9 * len(expected)


def test_neither_rows_nor_texts_are_sent(collected: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    ask = Asked.search

    def search(self: Asked, *given: Any, expression: str = "", **how: Any) -> Any:
        sent.append(expression)
        return ask(self, *given, expression=expression, **how)

    monkeypatch.setattr(Asked, "search", search)
    hostile = Filters.model_validate(
        {"attributes": {"any": {"colour": COLOURS}}, "categories": {"any": ["1/1"]}}
    )
    rows = collected.rows(hostile)
    found = collected.retriever.retrieve_among(
        queries(1)[0], 10, rows, exact_up_to=0, wanted=hostile
    )
    assert len(found.rows) == 10 and sent
    for text in sent:
        assert len(text) < 100
        assert_is_harmless(text)


def test_what_has_changed_since_a_collection_was_made_is_found_by_what_it_is_now(
    collected: Made,
) -> None:
    (part,) = collected.retriever.parts
    assert isinstance(part, CollectedSegment)
    n, rng = len(collected.vectors), np.random.default_rng(4)
    moved = rng.choice(n, 20, replace=False)
    colours = gaps([COLOURS[row % 3] for row in range(n)])
    tags = [[f"t{row % 5}", f"t{row % 11}"][: row % 3] for row in range(n)]
    for row in moved:
        colours[row], tags[row] = "aquamarine", ["t0", "another"]
    changed = {"colour": coded(colours), "tags": listed(tags)}
    items = replace(collected.items, attributes={**collected.items.attributes, **changed})
    own = replace(collected, items=items, retriever=SegmentsRetriever(
        [in_version(part.index, part.rows, items)], collected.retriever._vectors))  # fmt: skip
    known = own.retriever.parts[0]
    assert isinstance(known, CollectedSegment)
    assert sorted(known.changed) == ["colour", "tags"]
    assert known.changed["colour"].tolist() == known.changed["tags"].tolist() == sorted(moved)
    for wanted in (
        {"attributes": {"any": {"colour": ["aquamarine", "red"]}}},
        {"attributes": {"none": {"colour": ["aquamarine"]}}},
        {"attributes": {"any": {"tags": ["another", "t1", "t0"]}}},
    ):
        filters = Filters.model_validate(wanted)
        rows = own.rows(filters)
        for row in moved[:3]:
            query = own.vectors[row]
            found = own.retriever.retrieve_among(query, 20, rows, exact_up_to=0, wanted=filters)
            assert len(found.rows) == 20 and rows.mask[found.rows].all()
            assert (row in found.rows) is bool(rows.mask[row])


def test_entries_that_are_gone_are_never_found(collected: Made) -> None:
    (part,) = collected.retriever.parts
    assert isinstance(part, CollectedSegment)
    n = len(collected.vectors)
    rows = np.full(n, -1, np.int32)
    live = np.flatnonzero(np.random.default_rng(6).random(n) < 0.6)
    rows[live] = np.arange(len(live))
    own = replace(part, rows=rows)
    for query in queries(10):
        found = own.nearest(query, 50)
        assert len(found) >= 50 and found.min() >= 0 and found.max() < len(live)
        wanted = Filters.model_validate({"categories": {"any": ["1/2"]}})
        entries = RowSet.of_mask((np.arange(n) % 2 == 0) & (rows >= 0))
        among = own.nearest_among(query, 50, entries, exact_up_to=0, wanted=wanted)
        assert len(among) >= 50
        assert (live[among] % 2 == 0).all()


def test_a_short_answer_is_asked_for_again_then_made_here(
    collected: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def short(self: MilvusCollection, query: Vectors, n: int, expression: str = "") -> Any:
        asked.append(n)
        return np.arange(3)

    monkeypatch.setattr(MilvusCollection, "search", short)
    found = collected.retriever.retrieve(queries(1)[0], 50)
    everything = np.ones(len(collected.vectors), np.bool_)
    assert asked == [108, 432]
    assert found.rows.tolist() == collected.nearest(queries(1)[0], everything, 50)
