"""A service whose index is in Milvus: what it answers while the engine is well, hung, or gone."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from indexing.collecting.owned import Collections
from indexing.job import BuildReport, build
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import GateError, PublishError
from tests.collected import add_a_film, write_films
from tests.milvus_servers import MilvusServer
from tests.serving import clients, until

SEARCH = "/v1/search?q=film+about+number+7&k=5&n_candidates=50"
BROWSE = "/v1/popular?k=3"


@pytest.fixture(scope="module")
def films(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, milvus_server: MilvusServer
) -> Path:
    """The catalog.toml of the films."""
    folder = tmp_path_factory.mktemp("films")
    return write_films(folder / "catalogue", tiny_model, milvus_server.uri)


@pytest.fixture(scope="module")
def published(films: Path) -> tuple[Path, BuildReport]:
    """An artifacts folder with the films, and what its build said."""
    artifacts = films.parent.parent / "artifacts"
    return artifacts, build(films, artifacts)


@pytest.fixture
def client(
    published: tuple[Path, BuildReport], monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlaskClient]:
    monkeypatch.setattr("shortlist.engine.remote.collection.FEW", 0)
    with clients() as start:
        yield start(published[0])


def found_by(client: FlaskClient) -> list[Any]:
    answer = client.get(SEARCH)
    assert answer.status_code == 200, answer.get_json()
    return [one["item_id"] for one in answer.get_json()["results"]]


def test_a_build_names_its_collection_and_what_was_measured(
    published: tuple[Path, BuildReport], milvus_server: MilvusServer
) -> None:
    (segment,) = published[1].manifest.segments
    info = segment.retrieval
    own = list(Collections(published[0]).noted())
    assert (info.backend, info.type, info.exact) == ("milvus", "HNSW", False)
    assert info.params["uri"] == milvus_server.uri
    assert [info.params["collection"]] == own
    assert (info.recall or 0) >= 0.98 and (published[1].manifest.recall or 0) >= 0.98
    assert not list(published[0].glob("*/segments/*/index.faiss"))


def test_a_hung_engine_is_answered_503_at_once_and_asked_again(
    client: FlaskClient, milvus_server: MilvusServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    before = found_by(client)
    with milvus_server.frozen():
        started = time.monotonic()
        answers = [client.get(SEARCH) for _ in range(3)]
        assert time.monotonic() - started < 10
        assert [one.status_code for one in answers] == [503] * 3
        started = time.monotonic()
        refused = client.get(SEARCH)
        assert refused.status_code == 503 and time.monotonic() - started < 0.5
        assert int(refused.headers["Retry-After"]) in range(1, 9)
        body = refused.get_json()
        assert body["type"] == "urn:shortlist:problem:retrieval_unavailable"
        assert "127.0.0.1" not in body["detail"] and "grpc" not in body["detail"].lower()
        ready = client.get("/readyz").get_json()
        assert ready["degraded"] and milvus_server.uri in ready["problem"]
        assert client.get(BROWSE).status_code == 200, "what needs no vector is answered"
    until(lambda: not client.get("/readyz").get_json()["degraded"], within_s=30)
    assert found_by(client) == before
    said = [one.getMessage() for one in caplog.records if "Milvus" in one.getMessage()]
    assert len(said) == 2 and "left alone" in said[0] and "answers again" in said[1]


def test_a_slow_engine_has_as_long_as_its_request(
    client: FlaskClient, milvus_server: MilvusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: client.get(SEARCH).status_code == 200)
    left = monkeypatch.setattr  # as of a request that has a fifth of a second left
    left("shortlist.engine.clock.StageClock.left_s", lambda self: 0.2)
    with milvus_server.frozen():
        started = time.monotonic()
        assert client.get(SEARCH).status_code == 503
        assert time.monotonic() - started < 1
    until(lambda: client.get(SEARCH).status_code == 200, within_s=30)


@pytest.mark.soak
def test_an_engine_that_was_killed_gives_the_same_answers_again(
    client: FlaskClient, milvus_server: MilvusServer
) -> None:
    before = found_by(client)
    milvus_server.kill()
    started = time.monotonic()
    answers = [client.get(SEARCH) for _ in range(3)]
    assert [one.status_code for one in answers] == [503] * 3
    assert client.get("/readyz").get_json()["degraded"]
    assert time.monotonic() - started < 12, "a connection that breaks is not waited for"
    milvus_server.start()
    until(lambda: client.get(SEARCH).status_code == 200, within_s=90)
    assert found_by(client) == before
    assert not client.get("/readyz").get_json()["degraded"]


def test_nothing_is_published_while_the_engine_is_away(
    films: Path,
    published: tuple[Path, BuildReport],
    milvus_server: MilvusServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    catalog = Path(shutil.copytree(films.parent, tmp_path / "catalogue"))
    artifacts = Path(shutil.copytree(published[0], tmp_path / "artifacts"))
    monkeypatch.setattr("indexing.collecting.making._CALL_S", 1.0)
    monkeypatch.setattr("indexing.collecting.owned._DROP_S", 1.0)
    store = ArtifactStore(artifacts)
    live = store.current()
    add_a_film(catalog / "catalog.toml")
    with (
        milvus_server.frozen(),
        pytest.raises((PublishError, GateError), match=f"Milvus at {milvus_server.uri}"),
    ):
        build(catalog / "catalog.toml", artifacts, reuse=False)
    assert store.current() == live and store.versions() == [live]
