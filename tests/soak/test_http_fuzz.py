"""Thousands of spoilt requests on the raw socket: none is a defect, none ends a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving import Serve, Service
from tests.soak.http_cases import case, heard

FEW, MANY = 150, 5_000
ANSWERED = {*range(100, 500), 501, 503, 505}


def send_all(service: Service, n: int) -> dict[int, int]:
    """How often each status came; asserts that every answer is one."""
    (worker,) = service.workers()
    counts: dict[int, int] = {}
    for number in range(n):
        found = heard(service.port, case(number))
        told = f"case {number}: {found}"
        assert set(found.statuses) <= ANSWERED, told
        assert found.rest == b"", told
        for status in found.statuses:
            counts[status] = counts.get(status, 0) + 1
    assert service.workers() == [worker]
    assert "Traceback" not in service.log
    assert service.get("/v1/search", q="space travel", k=3)[0] == 200
    return counts


def test_spoilt_requests_are_answered_or_refused(serve: Serve, sample_artifacts: Path) -> None:
    counts = send_all(serve(sample_artifacts).ready(), FEW)
    assert counts.keys() >= {200, 400}


@pytest.mark.soak
def test_thousands_of_spoilt_requests(serve: Serve, sample_artifacts: Path) -> None:
    counts = send_all(serve(sample_artifacts).ready(), MANY)
    assert sum(counts.values()) > MANY / 3
    print(f"\n{MANY} spoilt requests: {dict(sorted(counts.items()))}")
