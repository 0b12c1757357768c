"""`python -m service` as an operator runs it."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.publishing import INDEX, VECTORS, publish
from tests.serving import SERVICE, Private, Serve, Service

WITHIN_S = 15.0
"""A loaded machine may need long; the soak prints how long a pick-up takes by itself."""
QUERIES = [
    f"{mood} {subject}"
    for mood in ("a quiet story about", "a comedy of", "people who fear", "the end of")
    for subject in (
        "space travel", "a heist", "robots", "the sea", "marriage", "七人の侍", "a long war", "dogs"
    )
]  # fmt: skip


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


def call(*options: str, repository: Path, private: Private) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a service that ends by itself."""
    done = subprocess.run(
        [*SERVICE, *options],
        env=private.environment(repository),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_a_port_in_use_is_one_line(
    private: Private, repository: Path, host: str, shown: str
) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        told = call("--host", host, "--port", str(port), repository=repository, private=private)
    assert told == (1, "", f"error: {shown}:{port} is in use; choose another with --port\n")
    assert private.leftovers() == []


def test_an_address_of_another_machine_is_one_line(private: Private, repository: Path) -> None:
    """192.0.2.0/24 is set aside for documentation: no machine has such an address."""
    told = call("--host", "192.0.2.1", repository=repository, private=private)
    assert told == (
        1,
        "",
        "error: 192.0.2.1:8000 cannot be listened on: Cannot assign requested address\n",
    )


def test_a_server_that_takes_over_the_sockets_of_another_is_not_kept_from_it(
    serve: Serve, sample_artifacts: Path
) -> None:
    """USR2 starts the new one while the old one listens; see gunicorn's documentation."""
    service = serve(sample_artifacts).ready()
    service.process.send_signal(signal.SIGUSR2)
    service.wait_for(lambda: service.log.count("Listening at") == 2)
    assert "in use" not in service.log


def test_errors_have_the_one_shape_behind_the_real_server_too(sample_service: Service) -> None:
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


def test_files_are_sent_whole_and_uncompressed(sample_service: Service, repository: Path) -> None:
    expected = (repository / "service/static/style.css").read_bytes()
    connection = http.client.HTTPConnection("127.0.0.1", sample_service.port, timeout=60)
    for _ in range(2):  # on one connection
        connection.request("GET", "/static/style.css", headers={"Accept-Encoding": "gzip"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, expected)
    connection.close()


def answers(service: Service) -> list[list[dict[str, Any]]]:
    """The results of every query, asked one after the other."""
    found = [service.get("/v1/search", q=query, k=20) for query in QUERIES]
    assert {status for status, _ in found} == {200}
    return [answer["results"] for _, answer in found]


def test_sixteen_threads_get_what_one_thread_gets(sample_service: Service) -> None:
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
    sample_service: Service, sample_bundle: Path
) -> None:
    sample_service.get("/v1/search", q="space travel")
    (worker,) = sample_service.children()
    mapped = {mapping.path for mapping in worker.memory_maps(grouped=True)}
    for name in (VECTORS, INDEX, "items.arrow", "id_map.arrow"):
        assert str(sample_bundle / name) in mapped


def publish_timed(catalog: Path, artifacts: Path) -> tuple[str, float]:
    """Build and publish; the version, and when CURRENT named it by the monotonic clock."""
    version = publish(catalog, artifacts).version
    age_s = time.time() - (artifacts / "CURRENT").stat().st_mtime
    return version, time.monotonic() - age_s


def seconds_until_served(service: Service, version: str, published: float) -> float:
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
    version, published = publish_timed(catalog, artifacts)
    assert seconds_until_served(service, version, published) < WITHIN_S
    assert best(service, "robots") == (version, "Robot Dawn (2020)")

    movies = (catalog.parent / "movies.csv").read_text().replace("Robot Dawn", "Robot Dusk")
    version, published = publish_timed(write_catalog(movies=movies), artifacts)
    assert seconds_until_served(service, version, published) < WITHIN_S
    assert best(service, "robots") == (version, "Robot Dusk (2020)")
    assert service.stop() == 0


def best(service: Service, query: str) -> tuple[str, str]:
    """The version that answers, and the title of its first result."""
    status, answer = service.get("/v1/search", q=query)
    assert status == 200
    return answer["index_version"], answer["results"][0]["title"]


def test_a_thousand_characters_of_any_script_are_answered(sample_service: Service) -> None:
    for character in ("x", "ж", "漢", "🚀"):
        status, answer = sample_service.get("/v1/search", q=character * 1000, k=1)
        assert (status, answer["k"]) == (200, 1)
        status, problem = sample_service.get("/v1/search", q=character * 1001)
        assert (status, problem["errors"][0]["field"]) == (422, "q")
