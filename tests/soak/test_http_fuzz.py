"""Thousands of spoilt requests on the raw socket: none is a defect, none ends a worker."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shortlist.bundle.change_log import ChangeLog
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


WRITES = {"SHORTLIST_WRITES": "on", "SHORTLIST_WRITE_KEY": "wr1te"}


@pytest.fixture
def takes(sqlite_events: str) -> dict[str, str]:
    """The environment of a service that takes changes and events."""
    return {**WRITES, "SHORTLIST_EVENTS": sqlite_events}


@pytest.fixture
def artifacts(sample_artifacts: Path, tmp_path: Path) -> Path:
    """A copy of the sample's, for what is written."""
    return Path(shutil.copytree(sample_artifacts, tmp_path / "artifacts"))


def test_spoilt_requests_are_answered_or_refused(
    serve: Serve, artifacts: Path, takes: dict[str, str]
) -> None:
    counts = send_all(serve(artifacts, environment=takes).ready(), FEW)
    assert counts.keys() >= {200, 202, 400}
    assert [one.sequence for one in ChangeLog(artifacts).after(0)] == [
        *range(1, 1 + ChangeLog(artifacts).last())
    ]


@pytest.mark.soak
def test_thousands_of_spoilt_requests(serve: Serve, artifacts: Path, takes: dict[str, str]) -> None:
    counts = send_all(serve(artifacts, environment=takes).ready(), MANY)
    assert sum(counts.values()) > MANY / 3
    print(f"\n{MANY} spoilt requests: {dict(sorted(counts.items()))}")
