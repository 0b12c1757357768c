"""`python -m service` as an operator runs it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest

from indexing.job import build
from shortlist.encoder.machine import Precision

WITHIN_S = 15.0
"""A loaded machine may need long; the soak prints how long a pick-up takes by itself."""
QUERIES = [
    f"{mood} {subject}"
    for mood in ("a quiet story about", "a comedy of", "people who fear", "the end of")
    for subject in (
        "space travel", "a heist", "robots", "the sea", "marriage", "七人の侍", "a long war", "dogs"
    )
]  # fmt: skip


class Running(Protocol):
    """What is used of a started service."""

    process: Any
    port: int
    private: Any

    def get(self, path: str, **parameters: object) -> tuple[int, Any]: ...
    def ready(self) -> Running: ...
    def wait_for(self, look: Callable[[], object]) -> object: ...
    def status_of(self, path: str) -> int | None: ...
    def children(self) -> list[psutil.Process]: ...
    def stop(self) -> int: ...


Serve = Callable[..., Running]


@pytest.mark.parametrize("workers", [1, 2])
def test_it_answers_and_ends_with_0_on_term_leaving_nothing_behind(
    serve: Serve, sample_artifacts: Path, sample_bundle: Path, workers: int
) -> None:
    service = serve(sample_artifacts, "--workers", str(workers)).ready()
    for _ in range(4):
        status, answer = service.get("/v1/search", q="space travel", k=3)
        assert (status, answer["index_version"], len(answer["results"])) == (
            200,
            sample_bundle.name,
            3,
        )
    children = service.children()
    assert len(children) == workers
    assert service.stop() == 0
    assert not [child for child in children if child.is_running()]
    assert service.status_of("/healthz") is None
    assert service.private.leftovers() == []


def test_errors_have_the_one_shape_behind_the_real_server_too(sample_service: Running) -> None:
    expected = {
        "/v1/search": 422,
        "/v1/search?q=%FF": 400,
        "/v1/search?q=a&k=+5": 422,
        "/nowhere": 404,
    }
    for path, status in expected.items():
        found, problem = sample_service.get(path)
        assert (found, problem["status"]) == (status, status)
        assert list(problem) == ["type", "title", "status", "detail", "errors"]


def answers(service: Running) -> list[list[dict[str, Any]]]:
    """The results of every query, asked one after the other."""
    found = [service.get("/v1/search", q=query, k=20) for query in QUERIES]
    assert {status for status, _ in found} == {200}
    return [answer["results"] for _, answer in found]


def test_sixteen_threads_get_what_one_thread_gets(sample_service: Running) -> None:
    alone = answers(sample_service)
    with ThreadPoolExecutor(16) as pool:
        crowds = list(pool.map(lambda _: answers(sample_service), range(16)))
    for crowd in crowds:
        for expected, found in zip(alone, crowd, strict=True):
            assert_same(found, expected, tolerance=1e-5)


def assert_same(
    found: list[dict[str, Any]], expected: list[dict[str, Any]], *, tolerance: float
) -> None:
    """Equal scores place by place, and equal items but for scores this near to each other."""
    scores = [one["score"] for one in expected]
    assert [one["score"] for one in found] == pytest.approx(scores, abs=tolerance)
    near = {one["item_id"]: one["score"] for one in expected}
    for one, other in zip(found, expected, strict=True):
        if one["item_id"] != other["item_id"]:
            assert abs(near.get(one["item_id"], scores[-1]) - other["score"]) < tolerance


@pytest.mark.skipif(sys.platform != "linux", reason="mappings are read from /proc")
def test_the_worker_maps_the_bundles_large_files(
    sample_service: Running, sample_bundle: Path
) -> None:
    sample_service.get("/v1/search", q="space travel")
    (worker,) = sample_service.children()
    mapped = {mapping.path for mapping in worker.memory_maps(grouped=True)}
    for name in ("vectors.npy", "index.faiss", "items.arrow", "id_map.arrow"):
        assert str(sample_bundle / name) in mapped


def publish(catalog: Path, artifacts: Path) -> tuple[str, float]:
    """Build and publish; the version, and when CURRENT named it by the monotonic clock."""
    version = build(catalog, artifacts, precision=Precision.F32).version
    age_s = time.time() - (artifacts / "CURRENT").stat().st_mtime
    return version, time.monotonic() - age_s


def seconds_until_served(service: Running, version: str, published: float) -> float:
    """How long after its publication the version answered for the first time."""

    def served() -> bool:
        status, body = service.get("/readyz")
        return status == 200 and body["version"] == version

    service.wait_for(served)
    return time.monotonic() - published


def test_without_a_bundle_it_waits_for_one_and_takes_every_later_one(
    serve: Serve, write_catalog: Callable[..., Path], minilm_export: Path, tmp_path: Path
) -> None:
    artifacts = tmp_path / "artifacts"
    service = serve(artifacts)
    service.wait_for(lambda: service.status_of("/healthz") == 200)
    for path in ("/readyz", "/v1/search?q=robots"):
        status, problem = service.get(path)
        assert (status, problem["type"]) == (503, "urn:shortlist:problem:not_ready")
        assert "make index" in problem["detail"]

    catalog = write_catalog()
    version, published = publish(catalog, artifacts)
    assert seconds_until_served(service, version, published) < WITHIN_S
    assert best(service, "robots") == (version, "Robot Dawn (2020)")

    movies = (catalog.parent / "movies.csv").read_text().replace("Robot Dawn", "Robot Dusk")
    version, published = publish(write_catalog(movies=movies), artifacts)
    assert seconds_until_served(service, version, published) < WITHIN_S
    assert best(service, "robots") == (version, "Robot Dusk (2020)")
    assert service.stop() == 0


def best(service: Running, query: str) -> tuple[str, str]:
    """The version that answers, and the title of its first result."""
    status, answer = service.get("/v1/search", q=query)
    assert status == 200
    return answer["index_version"], answer["results"][0]["title"]


def test_a_thousand_characters_of_any_script_are_answered(sample_service: Running) -> None:
    for character in ("x", "ж", "漢", "🚀"):
        status, answer = sample_service.get("/v1/search", q=character * 1000, k=1)
        assert (status, answer["k"]) == (200, 1)
        status, problem = sample_service.get("/v1/search", q=character * 1001)
        assert (status, problem["errors"][0]["field"]) == (422, "q")
