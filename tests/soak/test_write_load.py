"""Writes, searches and swaps together: every acknowledged change visible, none twice, none lost.

SOAK_WRITES_S is how long it lasts, by default a short while; a long run takes 600.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from indexing.job import build
from shortlist.bundle.change_log import ChangeLog
from shortlist.bundle.store import ArtifactStore
from tests.indexing.changes.goods import START, write
from tests.serving import Serve, Service, until
from tests.soak.load import under_load

pytestmark = pytest.mark.soak

WRITES_S = float(os.environ.get("SOAK_WRITES_S", "45"))
KEY = "a-key-to-write-with"
N_WRITERS = 2


@dataclass
class Writer:
    """One client that puts in, exchanges and takes out items of its own, and knows what it has.

    `items` are those that are there by what was acknowledged, with their prices; `gone` those that
    are not. Each of its records also gives the twins one more price, both the same.
    """

    service: Service
    number: int
    items: dict[str, float] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    sequences: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        rng, count = random.Random(self.number), 0
        while not stop.is_set():
            count += 1
            try:
                self._write(rng, count)
            except (OSError, http.client.HTTPException, ValueError, AssertionError) as error:
                self.failures.append(repr(error))
            stop.wait(0.02)

    def _write(self, rng: random.Random, count: int) -> None:
        kind = rng.random() if self.items else 0.0
        if kind < 0.5:
            sku = f"w{self.number}x{count}"
            item = {"sku": sku, "name": f"gadget {sku}", "kinds": ["A"], "price": count}
            self._send("POST", "/v1/items", {"items": [item, *_twins(self.number, count)]})
            self.items[sku] = float(count)
        elif kind < 0.8:
            sku = rng.choice(sorted(self.items))
            self._send("PATCH", f"/v1/items/{sku}", {"price": count + 0.5})
            self.items[sku] = count + 0.5
        else:
            sku = rng.choice(sorted(self.items))
            self._send("DELETE", f"/v1/items/{sku}", None)
            del self.items[sku]
            self.gone.add(sku)

    def _send(self, method: str, path: str, body: object) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            told = json.loads(response.read())
            assert response.status == 202, (response.status, told)
            self.sequences.append(told["sequence"])
        finally:
            connection.close()


def _twins(number: int, count: int) -> list[dict[str, Any]]:
    """Two items that are only ever written together."""
    names = (f"twin{number}a", f"twin{number}b")
    return [{"sku": sku, "name": f"twins of {number}", "price": count} for sku in names]


@contextmanager
def following(artifacts: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = (sys.executable, "-m", "indexing", "follow", "--artifacts", str(artifacts))
    process = subprocess.Popen([*command, "--every", "0.1"], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def writing(service: Service) -> Iterator[list[Writer]]:
    stop = threading.Event()
    writers = [Writer(service, number) for number in range(N_WRITERS)]
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in writers]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def watch_twins(service: Service, stop: threading.Event, seen: list[Any]) -> None:
    """What the twins cost in one answer: never two prices, and never less than before."""
    while not stop.is_set():
        for number in range(N_WRITERS):
            _, answer = service.get("/v1/search", q=f"twins of {number}", k=10)
            prices = {
                one["item_id"]: one["attributes"]["price"]
                for one in answer["results"]
                if str(one["item_id"]).startswith(f"twin{number}")
            }
            seen.append((number, answer["index_version"], sorted(prices.items())))


def test_every_acknowledged_change_is_visible_once_and_no_search_is_lost(
    tmp_path: Path, tiny_model: Path, tiny_export: Path, serve: Serve
) -> None:
    build(write(tmp_path / "goods", tiny_model, START, rated=True), tmp_path / "artifacts")
    store, log = ArtifactStore(tmp_path / "artifacts"), ChangeLog(tmp_path / "artifacts")
    writes = {"SHORTLIST_WRITES": "on", "SHORTLIST_WRITE_KEY": KEY}
    service = serve(store.root, "--workers", "2", environment=writes).ready()
    stop, seen = threading.Event(), list[Any]()
    watcher = threading.Thread(target=watch_twins, args=(service, stop, seen))
    with following(store.root) as follower:
        with under_load(service, 4) as load, writing(service) as writers:
            watcher.start()
            time.sleep(WRITES_S)
            follower.kill()  # whatever it was at: another one goes on from there
            follower.wait()
            with following(store.root):
                time.sleep(WRITES_S / 3)
        stop.set()
        watcher.join()
        with following(store.root):
            sequences = sorted(number for one in writers for number in one.sequences)
            until(lambda: log.through() >= sequences[-1], within_s=120)
            service.wait_for_version(str(store.current()))

    assert [one.failures for one in writers] == [[]] * N_WRITERS
    assert sequences == list(range(1, len(sequences) + 1)), "every number once"
    assert not [log.refusal(number) for number in sequences if log.refusal(number)]
    assert load.failures == [] and set(load.statuses()) == {200}
    for number, _, prices in seen:
        assert len({price for _, price in prices}) <= 1, (number, prices)
    for one in writers:
        for sku, price in one.items.items():
            status, body = service.get(f"/v1/items/{sku}")
            assert (status, body["attributes"]["price"]) == (200, price)
            _, found = service.get("/v1/search", q=f"gadget {sku}", k=5)
            assert [r["item_id"] for r in found["results"]].count(sku) == 1
        assert {service.get(f"/v1/items/{sku}")[0] for sku in one.gone} <= {404}
    slowest_ms = 1e3 * max(answer.took_s for answer in load.answers)
    versions = {answer.body["index_version"] for answer in load.answers}
    print(
        f"\n{len(sequences)} records in {len(versions)} versions beside {len(load.answers)}"
        f" searches, slowest {slowest_ms:.0f} ms"
    )
    assert len(versions) > 3
