"""Changes to a large catalogue as they are published: how soon a running service has them."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import numpy as np

from benchmarks.catalogues import PARTS
from benchmarks.server import Running
from indexing.changing.follower import Follower
from indexing.changing.publisher import Publisher
from shortlist.bundle.change_log import ChangeLog
from shortlist.bundle.changes import Change, Op, upsert
from shortlist.bundle.store import ArtifactStore

WITHIN_S = 300.0
_LOOK_EVERY_S = 0.005
_SEED = 20261130

_WORDS = ("heist", "garden", "winter", "robot", "letters", "harbour", "desert", "violin", "storm")
_GENRES = ("Comedy", "Drama", "Thriller", "Romance", "Action", "Documentary")
_TAGS = ("funny", "atmospheric", "based on a book", "twist ending", "dark comedy", "space")


class Changing:
    """Makes changes up to a catalogue of recombined films, whose ids begin at 1."""

    def __init__(self, publisher: Publisher, n_items: int) -> None:
        self._intake = publisher.target().intake
        self._rng = np.random.default_rng(_SEED)
        self._next = n_items + 1
        self._ids = set(range(1, n_items + 1))
        self._known = np.arange(1, n_items + 1)

    def upserts(self, n: int) -> list[Change]:
        """So many whole items: half of them are new, half take the place of others."""
        new = list(range(self._next, self._next + n - n // 2))
        self._next += len(new)
        ids = [*self._some(n // 2), *new]
        self._ids.update(new)
        return [upsert(self._intake, self._item(one)) for one in ids]

    def patches(self, n: int) -> list[Change]:
        """Another price for so many items."""
        prices = self._rng.uniform(1, 99, size=n).round(2).tolist()
        pairs = zip(self._some(n), prices, strict=True)
        return [Change(Op.PATCH, one, {"price": price}) for one, price in pairs]

    def mixed(self, n: int) -> list[Change]:
        """Four in ten put in whole, four in ten patched, two in ten deleted."""
        wanted = 4 * n // 10
        changes = [*self.upserts(wanted), *self.patches(wanted)]
        gone = self._some(n - 2 * wanted)
        self._ids.difference_update(gone)
        return [*changes, *(Change(Op.DELETE, one, {}) for one in gone)]

    def item(self, title: str) -> Change:
        """One new item."""
        own = {**self._item(self._next), "title": title}
        self._next += 1
        return upsert(self._intake, own)

    def _some(self, n: int) -> list[int]:
        """So many different items of the build's that are there."""
        drawn = self._rng.permutation(self._known)[: 2 * n].tolist()
        return [one for one in drawn if one in self._ids][:n]

    def _item(self, item_id: int) -> dict[str, Any]:
        words, rng = self._rng.choice(_WORDS, size=3).tolist(), self._rng
        year = int(rng.integers(1930, 2026))
        return {
            "movieId": item_id,
            "title": f"The {' '.join(words)} {item_id} ({year})".title(),
            "genres": rng.choice(_GENRES, size=2, replace=False).tolist(),
            "year": year,
            "price": round(float(rng.uniform(1, 99)), 2),
            "part": str(rng.choice(list(PARTS))),
            "in_stock": bool(rng.random() < 0.8),
            "tags": rng.choice(_TAGS, size=2, replace=False).tolist(),
        }


@dataclass(frozen=True)
class Published:
    """Seconds until changes were published, and until the service answered from them."""

    published_s: float
    live_s: float
    encoded: int


def publish(
    publisher: Publisher, store: ArtifactStore, changes: Sequence[Change], server: Running | None
) -> Published:
    """Publish changes and wait for a service to have them, if there is one."""
    began = time.perf_counter()
    with store.lock():
        report = publisher.publish(changes, applied={}, why="benchmark", force=True)
    published_s = time.perf_counter() - began
    if server is not None:
        wait_for_version(server, report.version)
    live_s = time.perf_counter() - began
    encoded = 0 if report.counts is None else report.counts.encoded
    return Published(round(published_s, 2), round(live_s, 2), encoded)


def wait_for_version(server: Running, version: str) -> None:
    """Returns once the service answers from a version."""
    for body in _asked(server, "/readyz"):
        if body.get("version") == version:
            return


def until_found(
    publisher: Publisher, store: ArtifactStore, change: Change, server: Running, *, every_s: float
) -> float:
    """Seconds from a change's acknowledgement until a search over HTTP finds its item.

    Somebody follows the log meanwhile, as `shortlist follow` does.
    """
    with _following(Follower(store, publisher), every_s=every_s):
        time.sleep(2 * every_s)
        began = time.perf_counter()
        ChangeLog(store.root).append([change])
        target = f"/v1/search?q={quote_plus(str(change.values['title']))}"
        for body in _asked(server, target):
            if any(one["item_id"] == change.item_id for one in body["results"]):
                break
        return round(time.perf_counter() - began, 2)


@contextmanager
def _following(follower: Follower, *, every_s: float) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=follower.follow, args=(stop,), kwargs={"every_s": every_s})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _asked(server: Running, target: str) -> Iterator[dict[str, Any]]:
    """Answers to a request that is made again and again. Raises TimeoutError after 300 s."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    deadline = time.monotonic() + WITHIN_S
    try:
        while time.monotonic() < deadline:
            connection.request("GET", target)
            response = connection.getresponse()
            body = response.read()
            if response.status == 200:
                yield json.loads(body)
            time.sleep(_LOOK_EVERY_S)
    finally:
        connection.close()
    raise TimeoutError(f"{target}: not as it should be within {WITHIN_S:g} s")


def times_during_swaps(
    server: Running, store: ArtifactStore, targets: Sequence[str], *, n_swaps: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of requests while nothing happens, and while a version is loaded and put in.

    CURRENT is moved between the live version and the one before, `n_swaps` times, an even number:
    nothing but the service works.
    """
    versions = [store.previous() or "", store.current() or ""]
    swapping, ended = threading.Event(), threading.Event()
    quiet: list[float] = []
    during: list[float] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        while not ended.is_set():
            for target in targets:
                was_swapping = swapping.is_set()
                began = time.perf_counter()
                connection.request("GET", target)
                connection.getresponse().read()
                took_ms = (time.perf_counter() - began) * 1e3
                (during if was_swapping or swapping.is_set() else quiet).append(took_ms)
                if ended.is_set():
                    break
        connection.close()

    client = threading.Thread(target=ask)
    client.start()
    try:
        for wanted in versions * (n_swaps // 2):
            time.sleep(2.0)
            swapping.set()
            with store.lock():
                store.rollback(wanted)
            wait_for_version(server, wanted)
            time.sleep(0.25)  # the first requests after it belong to the swap
            swapping.clear()
    finally:
        ended.set()
        client.join()
    return quiet, during
