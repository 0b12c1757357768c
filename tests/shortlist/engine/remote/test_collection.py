"""A collection that is not the bundle's is refused, and so is what a manifest must not ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from indexing.catalog.retrieval import Backend, RetrievalConfig
from indexing.collecting import Collecting
from indexing.collecting.owned import Collections
from shortlist.bundle.arrays import Csr, Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.bundle.tables import Categories, ItemTable, write_items
from shortlist.engine.remote.collection import MilvusCollection
from shortlist.engine.remote.server import server_at
from shortlist.errors import BundleCorrupt

N, DIM = 40, 8
NAME = "shortlist_0123456789_0123456789abcdef01234567"


def unit(seed: int) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(N, DIM))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Path, RetrievalInfo]]:
    """The folder of a segment whose index is in a file of Milvus Lite, and its description."""
    folder, vectors = tmp_path / "segment", unit(1)
    folder.mkdir()
    np.save(folder / "vectors.npy", vectors)
    nothing = Categories(Csr(np.zeros(N + 1, np.int64), np.empty(0, np.int32)), ())
    titles = pa.array([""] * N, pa.large_string())
    write_items(tmp_path / "items.arrow", ItemTable(titles, nothing, {}, None))
    config = RetrievalConfig(backend=Backend.MILVUS, uri=str(tmp_path / "lite.db"))
    yield (
        folder,
        Collecting(config, Collections(tmp_path)).build(
            vectors,
            folder,
            items=tmp_path / "items.arrow",
            rows=np.arange(N, dtype=np.int32),
            probes=lambda: vectors[:5],
        ),
    )
    server_at(str(tmp_path / "lite.db")).disconnect()


Made = tuple[Path, RetrievalInfo]


def with_params(info: RetrievalInfo, **params: Any) -> RetrievalInfo:
    return info.model_copy(update={"params": {**info.params, **params}})


def test_a_sound_one_is_taken(made: Made) -> None:
    MilvusCollection(*made, unit(1)).check()


def test_one_of_other_vectors_is_refused(made: Made) -> None:
    with pytest.raises(BundleCorrupt, match="stored vectors find themselves"):
        MilvusCollection(*made, unit(2)).check()


def test_one_that_is_gone_is_refused(made: Made) -> None:
    folder, info = made
    with pytest.raises(BundleCorrupt, match="-1 entries, expected 40"):
        MilvusCollection(folder, with_params(info, collection=NAME), unit(1)).check()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"collection": "somebody_elses"}, "somebody_elses"),
        ({"collection": 7}, "expected a collection"),
        ({"uri": "file:///etc/passwd"}, "file:///etc/passwd"),
        ({"uri": "/etc/passwd"}, "/etc/passwd"),
        ({"uri": "http://user:secret@host"}, "expected a collection"),
        ({"ef": 0}, "params.ef: expected 1 to 32768"),
        ({"ef": 40_000}, "params.ef: expected 1 to 32768"),
        ({"ef_filtered": 1.5}, "params.ef_filtered"),
        ({"nprobe": "8"}, "params.nprobe"),
    ],
)
def test_what_a_manifest_must_not_ask_for_is_refused(
    made: Made, params: dict[str, Any], said: str
) -> None:
    folder, info = made
    with pytest.raises(BundleCorrupt, match=said):
        MilvusCollection(folder, with_params(info, **params), unit(1))


@pytest.mark.parametrize("row", [-1, N])
def test_rows_that_its_columns_do_not_have_are_refused(made: Made, row: int) -> None:
    folder, info = made
    rows = np.arange(N, dtype=np.int32)
    rows[3] = row
    np.save(folder / "filter_rows.npy", rows)
    with pytest.raises(BundleCorrupt, match="filter_rows"):
        MilvusCollection(folder, info, unit(1))


def test_the_number_of_entries_is_compared(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    found = MilvusCollection(*made, unit(1))
    monkeypatch.setattr(MilvusCollection, "_loaded", lambda *_: N - 1)
    with pytest.raises(BundleCorrupt, match="39 entries, expected 40"):
        found.check()
