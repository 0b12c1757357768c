"""The service as operators watch and guard it: numbers, logs, limits, over the real server."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving import Serve, Service

SECRET = "sw0rdfish"
Numbers = dict[tuple[str, ...], float]


def ask(
    service: Service, path: str, method: str = "GET", body: Any = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named, encode_chunked=True)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def numbers(service: Service) -> Numbers:
    """Every sample of a scrape by its name and labels' values."""
    response, text = ask(service, "/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


SEARCHES = ("shortlist_requests_total", "/v1/search", "200")


def test_numbers_are_of_all_workers_and_survive_a_killed_one(
    serve: Serve, sample_artifacts: Path
) -> None:
    service = serve(sample_artifacts, "--workers", "2").ready()
    service.wait_for(lambda: numbers(service)["shortlist_workers_ready",] == 2)
    for n in range(20):
        assert service.get("/v1/search", q=f"space travel {n}", k=5)[0] == 200
    before = numbers(service)
    assert before[SEARCHES] == 20
    assert before["shortlist_results_sum",] == 100
    assert before["shortlist_swaps_total",] == 2

    killed = service.children()[0]
    os.kill(killed.pid, signal.SIGKILL)
    service.wait_for(lambda: numbers(service)["shortlist_swaps_total",] == 3)
    after = numbers(service)
    assert [
        name for name in before if name[0].endswith("_total") and after[name] < before[name]
    ] == []
    assert after[SEARCHES] == 20
    assert after["shortlist_workers_ready",] == 2
    assert killed.pid not in [child.pid for child in service.children()]


def test_every_line_of_a_json_log_is_an_object(serve: Serve, sample_artifacts: Path) -> None:
    service = serve(sample_artifacts, "--log-format", "json", "--api-key", SECRET).ready()
    ask(service, "/v1/search?q=hidden+words", X_API_Key=SECRET, X_Request_ID="mine")
    ask(service, "/v1/search?q=hidden+words", Authorization=f"Bearer {SECRET}x")
    ask(service, "/a%0Ab%1B%5B31m%E2%80%A8c?q=hidden")
    raw(service, b"nonsense\x1b[31m\r\n\r\n")
    service.wait_for(lambda: '"status": 400' in service.log)
    entries = [json.loads(line) for line in service.log.splitlines()]
    assert [entry for entry in entries if not {"time", "level", "message"} <= set(entry)] == []
    found = {(entry["status"], entry["path"]) for entry in entries if entry["message"] == "request"}
    assert {(200, "/v1/search"), (401, "/v1/search"), (404, "/a%0Ab%1B%5B31m%E2%80%A8c")} <= found
    (mine,) = [entry for entry in entries if entry.get("request_id") == "mine"]
    assert (mine["route"], mine["results"], mine["level"]) == ("/v1/search", 10, "info")
    assert "hidden" not in service.log
    assert SECRET not in service.log


def raw(service: Service, request: bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


def test_what_is_no_request_gets_the_one_shape_a_line_and_a_number(
    serve: Serve, sample_artifacts: Path
) -> None:
    service = serve(sample_artifacts, "--log-format", "json").ready()
    long_header = b"X-Long: " + b"x" * 200_000
    answer = raw(service, b"GET / HTTP/1.1\r\nHost: a\r\n" + long_header + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"X-Request-Id: " in head
    assert b"X-Content-Type-Options: nosniff" in head
    problem = json.loads(body)
    assert problem["type"] == "urn:shortlist:problem:request_header_fields_too_large"
    service.wait_for(lambda: '"status": 431' in service.log)
    assert numbers(service)["shortlist_rejected_total", problem["type"].split(":")[-1]] == 1


@pytest.mark.parametrize("length", [(1 << 20) + 1, 1 << 40, 10**20, 10**40])
def test_a_body_announced_too_large_is_refused_before_it_is_sent(
    sample_service: Service, length: int
) -> None:
    head = f"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", sample_service.port), timeout=60) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Content-Type: application/problem+json" in answer


def test_answers_carry_what_browsers_need_over_the_real_server(sample_service: Service) -> None:
    response, _ = ask(sample_service, "/?q=robots", X_Request_ID="a b")
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert len(response.headers["X-Request-ID"]) == 16
    response, body = ask(sample_service, "/v1/search?q=robots&k=20", Accept_Encoding="gzip")
    assert response.headers["Content-Encoding"] == "gzip"
    assert body[:2] == b"\x1f\x8b"
    response, body = ask(sample_service, "/healthz", "HEAD")
    assert (response.status, body) == (200, b"")
