"""Blocked items vanish from every answer, which keeps its k items."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from service.app import create_app
from shortlist.bundle.blocklist import Blocklist, BlocklistFile
from shortlist.bundle.tables import IdMap
from tests.publishing import publish
from tests.serving import patient

PATIENCE_S = 15.0
"""A loaded machine may need long; how long a takedown takes by itself is the soak's to print."""


def test_a_missing_file_blocks_nothing(tmp_path: Path) -> None:
    assert BlocklistFile(tmp_path / "BLOCKLIST").read() == Blocklist(frozenset())


def test_blank_lines_and_a_byte_order_mark_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "BLOCKLIST"
    path.write_bytes("\ufeffA-1\n\n  \r\nB/7 \n".encode())
    assert BlocklistFile(path).read().ids == {"A-1", "B/7"}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array([30, 10, 20]), [0, 2]),  # "10" is not blocked, "x" and "2.0" are no integers
        (pa.array([7, 1]), []),  # "001" and "07" are no ids at any other door either
        (pa.array(["x", "30", "10"], pa.large_string()), [0, 1]),  # "30" and "x" as they stand
    ],
)
def test_ids_are_read_as_the_catalogue_types_them(ids: pa.Array, expected: list[int]) -> None:
    order = pa.compute.array_sort_indices(ids).to_numpy().astype("int64")
    blocklist = Blocklist(frozenset({"30", "20", "x", "2.0", "-", "99", "001", "07"}))
    assert blocklist.rows(IdMap(ids, order)).tolist() == expected


@pytest.fixture
def artifacts(tmp_path: Path, write_catalog: object, tiny_model: Path) -> Path:
    assert callable(write_catalog)
    catalog = write_catalog()
    with catalog.open("a", encoding="utf-8") as file:
        file.write(f'[encoder]\nmodel = "{tiny_model}"\n')
    folder = tmp_path / "artifacts"
    publish(catalog, folder)
    return folder


@pytest.fixture
def client(artifacts: Path) -> Iterator[FlaskClient]:
    app = create_app(patient(artifacts, poll_s=0.5))
    yield app.test_client()
    app.extensions["reloader"].stop()


def found(client: FlaskClient, k: int) -> list[int]:
    response = client.get(f"/v1/search?q=robots&k={k}")
    return [result["item_id"] for result in response.get_json()["results"]]


def test_a_blocked_item_vanishes_from_the_running_service_and_comes_back(
    client: FlaskClient, artifacts: Path
) -> None:
    everything = found(client, 5)
    assert sorted(everything) == [1, 2, 3, 4, 5]
    first, second, third, *_ = everything
    (artifacts / "BLOCKLIST").write_text(f"{first}\nunknown\n")
    started = time.monotonic()
    while first in found(client, 5):
        assert time.monotonic() - started < PATIENCE_S
        time.sleep(0.02)
    assert found(client, 2) == [second, third], "the answer keeps its k items"
    ready = client.get("/readyz").get_json()
    assert (ready["blocked_items"], ready["swaps"]) == (1, 1)
    (artifacts / "BLOCKLIST").unlink()
    while first not in found(client, 5):
        assert time.monotonic() - started < PATIENCE_S
        time.sleep(0.02)
    assert found(client, 5) == everything


def test_ranks_of_the_others_close_up(client: FlaskClient, artifacts: Path) -> None:
    first = found(client, 1)[0]
    (artifacts / "BLOCKLIST").write_text(f"{first}\n")
    started = time.monotonic()
    while first in found(client, 5):
        assert time.monotonic() - started < PATIENCE_S
        time.sleep(0.02)
    results = client.get("/v1/search?q=robots&k=4").get_json()["results"]
    assert [result["rank"] for result in results] == [1, 2, 3, 4]
    assert sorted(result["retrieval_rank"] for result in results) == [1, 2, 3, 4]


def test_a_blocklist_that_cannot_be_read_keeps_the_one_before_and_shows(
    client: FlaskClient, artifacts: Path
) -> None:
    first = found(client, 1)[0]
    path = artifacts / "BLOCKLIST"
    path.write_text(f"{first}\n")
    started = time.monotonic()
    while first in found(client, 5):
        assert time.monotonic() - started < PATIENCE_S
        time.sleep(0.02)
    path.write_bytes(b"\xff\xfe1\x00")
    while not client.get("/readyz").get_json()["degraded"]:
        assert time.monotonic() - started < PATIENCE_S
        time.sleep(0.02)
    assert "BLOCKLIST: cannot be read" in client.get("/readyz").get_json()["problem"]
    assert first not in found(client, 5), "still blocked"


def test_a_worker_that_cannot_read_the_blocklist_serves_nothing_until_it_can(
    artifacts: Path,
) -> None:
    path = artifacts / "BLOCKLIST"
    path.write_bytes(b"\xff\xfe1\x00")
    app = create_app(patient(artifacts, poll_s=0.05))
    try:
        client = app.test_client()
        response = client.get("/readyz")
        assert response.status_code == 503
        assert "BLOCKLIST: cannot be read" in response.get_json()["detail"]
    finally:
        app.extensions["reloader"].stop()


def test_a_line_of_five_thousand_digits_blocks_nothing() -> None:
    order = pa.compute.array_sort_indices(pa.array([1, 2])).to_numpy().astype("int64")
    blocklist = Blocklist(frozenset({"9" * 5000, "2"}))
    assert blocklist.rows(IdMap(pa.array([1, 2]), order)).tolist() == [1]
