"""Hostile clients, few files, folders that vanish, files that shrink: the service answers on."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from shortlist.bundle.store import ArtifactStore
from tests.publishing import VECTORS, publish, publish_again, unshare
from tests.serving import SERVICE, Serve, Service

HALF = b"GET /v1/search?q=ro"
SLOW = (
    b"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Content-Length: 500\r\n\r\n{"
)


@pytest.fixture
def crowd() -> Iterator[Callable[[Service, int, bytes], list[socket.socket]]]:
    """Connections that have sent this and stay."""
    with ExitStack() as stack:

        def come(service: Service, n: int, sent: bytes) -> list[socket.socket]:
            clients = []
            for _ in range(n):
                client = socket.create_connection(("127.0.0.1", service.port), timeout=60)
                clients.append(stack.enter_context(client))
                with suppress(ConnectionError):
                    client.sendall(sent)
            return clients

        yield come


Crowd = Callable[[Service, int, bytes], list[socket.socket]]


@pytest.mark.parametrize("sent", [HALF, SLOW, b""])
def test_slow_clients_cost_others_nothing(
    sample_service: Service, crowd: Crowd, sent: bytes
) -> None:
    crowd(sample_service, 100, sent)
    for _ in range(10):
        assert sample_service.get("/v1/search", q="space travel", k=3)[0] == 200
        assert sample_service.get("/healthz")[0] == 200


def test_more_connections_than_files_end_nothing(
    serve: Serve, sample_artifacts: Path, crowd: Crowd
) -> None:
    few_files = ("bash", "-c", 'ulimit -n 300; exec "$@"', "service", *SERVICE)
    service = serve(sample_artifacts, command=few_files).ready()
    (worker,) = service.workers()
    for sent in (b"", HALF):
        crowd(service, 400, sent)
        assert service.get("/v1/search", q="space travel", k=3)[0] == 200
    assert service.workers() == [worker]
    assert "closing those that wait longest" in service.log


def test_a_swept_folder_and_a_killed_worker_are_made_good(
    serve: Serve, sample_artifacts: Path, tmp_path: Path
) -> None:
    service = serve(sample_artifacts, environment={"RUNTIME_DIRECTORY": str(tmp_path)}).ready()
    (state,) = tmp_path.iterdir()
    shutil.rmtree(state)
    (worker,) = service.workers()
    os.kill(worker, signal.SIGKILL)
    service.wait_for(lambda: set(service.workers()) - {worker} != set())
    service.ready()
    assert service.get("/v1/search", q="space travel", k=3)[0] == 200
    assert service.readiness()["degraded"] is False
    assert service.stop() == 0
    assert list(tmp_path.iterdir()) == []


def test_without_room_for_numbers_it_serves_and_says_so(
    serve: Serve, sample_artifacts: Path, tmp_path: Path
) -> None:
    """The folder's place is taken by a file: it can be had as little as on a full disk."""
    service = serve(sample_artifacts, environment={"RUNTIME_DIRECTORY": str(tmp_path)}).ready()
    (state,) = tmp_path.iterdir()
    shutil.rmtree(state / "metrics")
    (state / "metrics").touch()
    (worker,) = service.workers()
    os.kill(worker, signal.SIGKILL)
    service.wait_for(lambda: set(service.workers()) - {worker} != set())
    service.ready()
    ready = service.readiness()
    assert ready["degraded"] is True
    assert "numbers are of one worker, not of all" in ready["problem"]
    assert service.get("/v1/search", q="space travel", k=3)[0] == 200


def test_a_live_version_that_shrinks_under_the_service_gives_way_to_the_one_before(
    serve: Serve, write_catalog: Callable[..., Path], minilm_export: Path, tmp_path: Path
) -> None:
    """Touching a mapped page that is gone ends the worker; the next one has to find a version."""
    before = publish(write_catalog(), tmp_path / "artifacts").version
    shrunk = publish_again(write_catalog(), tmp_path / "artifacts").version
    vectors = ArtifactStore(tmp_path / "artifacts").folder(shrunk) / VECTORS
    unshare(vectors)
    service = serve(tmp_path / "artifacts", "--poll-s", "0.1").ready()
    assert service.readiness()["version"] == shrunk
    os.truncate(vectors, 128)
    (worker,) = service.workers()
    with suppress(OSError):
        service.get("/v1/search", q="robots", k=3)
    with suppress(ProcessLookupError):  # where the page was still in memory it has survived
        os.kill(worker, signal.SIGKILL)
    service.wait_for(lambda: set(service.workers()) - {worker} != set())
    service.wait_for_version(before)
    ready = service.readiness()
    assert (ready["degraded"], ready["refused_version"]) == (True, shrunk)
    assert "vectors.npy" in ready["problem"]
    assert service.get("/v1/search", q="robots", k=3)[1]["index_version"] == before
