"""The collections that versions own: one content has one, and it goes with its last version."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexing.changing.file import apply_file
from indexing.collecting.owned import Collections, drop_unused
from indexing.job import build
from shortlist.bundle.reader import read_manifest
from shortlist.bundle.store import ArtifactStore
from shortlist.bundle.stores import open_store
from shortlist.engine.query import SearchQuery
from shortlist.engine.query_reading import read_query
from shortlist.engine.remote.server import server_at
from shortlist.engine.search import ranked
from shortlist.engine.snapshot import LoadOptions, load_snapshot
from tests.catalogues import add_a_rating
from tests.collected import add_a_film, write_films
from tests.milvus_servers import MilvusServer
from tests.object_stores import Bucket


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[str]:
    """Where an engine in this process is."""
    yield str(tmp_path / "lite.db")
    server_at(str(tmp_path / "lite.db")).disconnect()


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.soak)])
def uri(request: pytest.FixtureRequest) -> str:
    """Where an engine is: one in this process, and in long runs a server."""
    if request.param == "lite":
        in_process: str = request.getfixturevalue("lite")
        return in_process
    server: MilvusServer = request.getfixturevalue("milvus_server")
    return server.uri


def held(uri: str) -> list[str]:
    """The collections that an engine has."""
    found: list[str] = server_at(uri).ask(
        lambda client, time_s: client.list_collections(timeout=time_s), timeout_s=20
    )
    return sorted(found)


def test_collections_go_with_the_last_version_that_names_them(
    tmp_path: Path, tiny_model: Path, lite: str
) -> None:
    films = write_films(tmp_path / "catalogue", tiny_model, lite)
    root, foreign = tmp_path / "artifacts", set(held(lite))
    store = ArtifactStore(root)

    def own() -> set[str]:
        return set(held(lite)) - foreign

    def named() -> list[set[str]]:
        parts = (read_manifest(store.folder(one)).parts for one in store.versions())
        return [{str(one.retrieval.params["collection"]) for one in each} for each in parts]

    def publish(**how: Any) -> None:
        add_a_rating(films)
        build(films, root, **how)

    publish()
    publish()
    assert len(own()) == 1 and named()[0] == named()[1] == own(), "vectors that are the same"
    (films.parent / "catalog.toml").write_text(
        films.read_text().replace("uri =", 'index = "IVF_FLAT"\nuri =')
    )
    publish()
    assert len(own()) == 2
    with store.lock():
        store.prune(0)
        assert drop_unused(store) == [] and len(own()) == 2, "the one before it stays"
    publish()
    with store.lock():
        store.prune(0)
        drop_unused(store)
    assert own() == set.union(*named()) and len(own()) == 1


def test_collections_go_where_versions_are_in_an_object_store_and_not_at_hand(
    tmp_path: Path, tiny_model: Path, lite: str, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    films, store = write_films(tmp_path / "catalogue", tiny_model, lite), open_store(bucket.url)
    first = build(films, store).version
    collections = held(lite)
    add_a_film(films)
    second = build(films, store).version
    shutil.rmtree(store.root / first)
    with store.lock():
        assert drop_unused(store) == [] and "collections stay" not in caplog.text
        assert len(held(lite)) == 2, "its manifest is read from the store"
    add_a_rating(films)
    build(films, store)
    with store.lock():
        assert store.prune(0) == [first]
        assert drop_unused(store) == collections
    assert second in store.versions() and len(held(lite)) == 1


def test_what_a_killed_build_left_goes_with_the_next_and_nothing_else(
    tmp_path: Path, tiny_model: Path, uri: str
) -> None:
    films = write_films(tmp_path / "catalogue", tiny_model, uri)
    root, others = tmp_path / "artifacts", set(held(uri))

    class Killed(BaseException):
        pass

    def killed(step: str) -> None:
        if step == "index written":
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexing.job.drop_unused", lambda store: [])  # nobody is left to do it
        with pytest.raises(Killed):
            build(films, root, on_step=killed)
    left = set(held(uri)) - others
    assert len(left) == 1
    add_a_film(films)
    build(films, root)
    after = set(held(uri))
    assert others <= after and not left & after and len(after - others) == 1
    assert set(Collections(root).noted()) == after - others


def test_changes_build_no_collection_and_are_found(
    tmp_path: Path, tiny_model: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortlist.engine.remote.collection.FEW", 0)
    monkeypatch.setattr("indexing.arrangement.OPEN_UP_TO", 100)
    films, store = write_films(tmp_path / "catalogue", tiny_model, uri), None
    build(films, tmp_path / "artifacts")
    store, before = ArtifactStore(tmp_path / "artifacts"), held(uri)
    changes = [
        {"op": "delete", "item_id": 7},
        {"op": "upsert", "item": {"id": 7000, "title": "film number 7", "genre": "even"}},
        {"op": "patch", "item_id": 9, "set": {"genre": "even"}},
    ]
    path = tmp_path / "changes.jsonl"
    path.write_text("\n".join(map(json.dumps, changes)))
    apply_file(store, path)
    assert held(uri) == before
    snapshot = load_snapshot(store.live_folder(), LoadOptions(filter_exact_up_to=0))
    backends = [one.info.retrieval.backend for one in snapshot.bundle.segments]
    assert backends == ["milvus", "faiss"]
    row = snapshot.bundle.ids.row_of(7000)
    assert row is not None
    vector = snapshot.bundle.vectors[np.array([row])][0]
    for filters in ({}, {"categories": {"any": ["even"]}}, {"categories": {"none": ["even"]}}):
        values = {"q": "film number 7", "n_candidates": 40, "k": 10, "filters": filters}
        pool = ranked(snapshot, read_query(SearchQuery, values), vector=vector)
        assert pool.n_retrieved == 40
        assert pool.plan.among is None or pool.plan.among.has(pool.rows).all()
        ids = [snapshot.bundle.ids.id_of(int(row)) for row in pool.rows[: pool.n_retrieved]]
        assert 7 not in ids and (7000 in ids) is (
            filters.get("categories", {}) != {"none": ["even"]}
        )
