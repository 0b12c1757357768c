"""Items changed over HTTP while a real server answers: none lost, searches undisturbed."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from indexing.changing.follower import Follower
from indexing.changing.publisher import Publisher
from shortlist.bundle.change_log import ChangeLog
from shortlist.bundle.store import ArtifactStore
from tests.serving import Serve, Service

WRITES = {"SHORTLIST_WRITES": "on", "SHORTLIST_WRITE_KEY": "wr1te-k3y"}
ITEM = {"sku": 100, "name": "velvet lantern", "price": 12.5, "kinds": "Lamps"}


@pytest.fixture
def artifacts(shop_artifacts: Path, tmp_path: Path) -> Path:
    """A copy of the shop to write to."""
    return Path(shutil.copytree(shop_artifacts, tmp_path / "artifacts"))


def follower(artifacts: Path) -> Follower:
    """Who applies what a service takes."""
    store = ArtifactStore(artifacts)
    return Follower(store, Publisher(store))


@contextmanager
def following(artifacts: Path) -> Iterator[None]:
    """Changes are applied as they come, until the block is left."""
    stop = threading.Event()
    thread = threading.Thread(
        target=follower(artifacts).follow, args=(stop,), kwargs={"every_s": 0.1}
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ask(service: Service, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and body of the answer to who shows the write key."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    try:
        content = None if body is None else json.dumps(body)
        headers = {"X-API-Key": "wr1te-k3y", "Content-Type": "application/json"}
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_a_change_goes_from_pending_to_visible_and_is_found(serve: Serve, artifacts: Path) -> None:
    service, applier = serve(artifacts, environment=WRITES).ready(), follower(artifacts)

    def applied(sequence: int) -> str:
        """The status before it is applied; it is awaited that it is visible after that."""
        status: str = ask(service, "GET", f"/v1/changes/{sequence}")[1]["status"]
        applier.step()
        service.wait_for(
            lambda: ask(service, "GET", f"/v1/changes/{sequence}")[1]["status"] == "visible"
        )
        return status

    assert service.get("/v1/items/100")[0] == 404
    status, told = ask(service, "POST", "/v1/items", {"items": [ITEM]})
    assert (status, told["sequence"], told["status"]) == (202, 1, "pending")
    assert applied(1) == "pending"
    (found,) = service.get("/v1/search", q="velvet lantern", k=1)[1]["results"]
    assert (found["item_id"], found["attributes"]["price"]) == (100, 12.5)

    assert ask(service, "PATCH", "/v1/items/100", {"price": 8})[1]["sequence"] == 2
    assert applied(2) == "pending"
    patched = service.get("/v1/items/100")[1]
    assert (patched["title"], patched["attributes"]["price"]) == ("velvet lantern", 8.0)

    assert ask(service, "DELETE", "/v1/items/100")[1]["sequence"] == 3
    assert applied(3) == "pending"
    assert service.get("/v1/items/100")[0] == 404
    assert service.readiness()["problem"] is None
    assert "wr1te-k3y" not in service.log
    assert "lantern" not in service.log


def test_who_waits_is_answered_when_the_change_is_visible(serve: Serve, artifacts: Path) -> None:
    service = serve(artifacts, "--deadline-s", "60", environment=WRITES).ready()
    with following(artifacts):
        status, told = ask(service, "POST", "/v1/items?wait=visible", {"items": [ITEM]})
        assert (status, told["status"]) == (200, "visible")
        assert service.get("/v1/items/100")[1]["attributes"]["price"] == 12.5
        status, told = ask(service, "PATCH", "/v1/items/999?wait=visible", {"price": 1})
        assert (status, told["type"]) == (422, "urn:shortlist:problem:change_refused")
        status, told = ask(service, "DELETE", "/v1/items/100?wait=visible")
        assert (status, told["status"]) == (200, "visible")
        assert service.get("/v1/items/100")[0] == 404


def test_what_was_acknowledged_survives_the_server(serve: Serve, artifacts: Path) -> None:
    service = serve(artifacts, environment=WRITES).ready()
    status, told = ask(service, "POST", "/v1/items", {"items": [ITEM]})
    os.killpg(service.process.pid, signal.SIGKILL)
    service.process.wait(60)
    assert (status, told["sequence"]) == (202, 1)
    (record,) = ChangeLog(artifacts).after(0)
    assert (record.sequence, record.changes[0].values) == (1, ITEM)
    follower(artifacts).step()
    again = serve(artifacts, environment=WRITES).ready()
    assert again.get("/v1/items/100")[1]["attributes"]["price"] == 12.5
    assert ask(again, "GET", "/v1/changes/1")[1]["status"] == "visible"


def test_two_workers_give_numbers_that_are_distinct_and_rise(serve: Serve, artifacts: Path) -> None:
    service = serve(artifacts, "--workers", "2", environment=WRITES).ready()

    def write(client: int) -> list[tuple[int, int]]:
        """The number that each of this client's items got."""
        ids = [1000 * client + number for number in range(25)]
        bodies = ({"items": [{**ITEM, "sku": one}]} for one in ids)
        told = [ask(service, "POST", "/v1/items", body)[1]["sequence"] for body in bodies]
        assert told == sorted(told)
        return list(zip(told, ids, strict=True))

    with ThreadPoolExecutor(4) as pool:
        given = dict(pair for pairs in pool.map(write, range(1, 5)) for pair in pairs)
    assert sorted(given) == list(range(1, 101))
    written = {one.sequence: one.changes[0].item_id for one in ChangeLog(artifacts).after(0)}
    assert written == given


def test_a_thousand_large_items_are_taken_and_more_is_refused(
    serve: Serve, artifacts: Path
) -> None:
    service = serve(artifacts, environment=WRITES).ready()
    items = [{**ITEM, "sku": number, "brand": "x" * 3900} for number in range(1000)]
    assert len(json.dumps({"items": items})) > 1 << 21
    assert ask(service, "POST", "/v1/items", {"items": items})[0] == 202
    (record,) = ChangeLog(artifacts).after(0)
    assert [change.item_id for change in record.changes] == list(range(1000))
    more = [{**one, "brand": "x" * 4200} for one in items]
    status, told = ask(service, "POST", "/v1/items", {"items": more})
    assert (status, told["detail"]) == (413, "expected a body of at most 4194304 bytes")
    status, told = ask(service, "POST", "/v1/search", {"q": "x" * (1 << 20)})
    assert (status, told["detail"]) == (413, "expected a body of at most 1048576 bytes")
    assert ChangeLog(artifacts).last() == 1


def test_who_waits_holds_no_place_that_a_search_needs(serve: Serve, artifacts: Path) -> None:
    service = serve(
        artifacts, "--threads", "3", "--max-concurrent", "2", "--deadline-s", "60",
        environment=WRITES,
    ).ready()  # fmt: skip
    with ThreadPoolExecutor(12) as pool:
        path = "/v1/items/7?wait=visible"
        waiting = [pool.submit(ask, service, "DELETE", path) for _ in range(12)]
        service.wait_for(lambda: ChangeLog(artifacts).last() == 12)
        for number in range(20):
            assert service.get("/v1/search", q=f"shoe {number}", k=3)[0] == 200
        assert not [one for one in waiting if one.done()]
        assert ask(service, "DELETE", "/v1/items/8?wait=visible")[0] == 202, "it does not wait"
        follower(artifacts).step()
        assert {one.result()[0] for one in waiting} == {200}
