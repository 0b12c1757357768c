"""Swapping under load: no request lost, every answer consistent with the version it names."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, load_snapshot
from tests.publishing import publish, publish_again
from tests.serving import Serve
from tests.soak.load import under_load

pytestmark = pytest.mark.soak

LOAD_S = 62
N_SWAPS = 20
PRODUCTS = """\
sku,name,kind
A-1,Espresso machine,Kitchen|Coffee
A-2,Chef's knife,Kitchen
B/7,Telescope for beginners,Science
B/8,Toy robot kit,Toys|Science
C 9,Garden spade,Garden
C 10,Romantic novel,Books
"""
PRODUCTS_TOML = """\
name = "products"
[items]
file = "movies.csv"
id = "sku"
title = "name"
categories = { column = "kind" }
[encoder]
model = "MODEL"
"""

Expected = dict[str, dict[str, list[tuple[Any, float]]]]


def publish_both(
    write_catalog: Callable[..., Path], tiny_model: Path, artifacts: Path
) -> tuple[str, str]:
    """Two versions: films with all-MiniLM-L6-v2, and products with another model."""
    films = publish(write_catalog(), artifacts).version
    described = PRODUCTS_TOML.replace("MODEL", str(tiny_model))
    products = publish(
        write_catalog(catalog=described, movies=PRODUCTS),
        artifacts,
        replace_catalog=True,
    ).version
    return films, products


def move(store: ArtifactStore, version: str) -> None:
    with store.lock():
        store.move_current(version, expected=store.current_text(), why="test")


def expected_answers(
    store: ArtifactStore, versions: tuple[str, ...], queries: set[str]
) -> Expected:
    """What each version answers in process: ids and scores by query."""
    answers: Expected = {}
    for version in versions:
        snapshot = load_snapshot(store.folder(version), LoadOptions(precision=Precision.F32))
        answers[version] = {
            query: [(r.item_id, r.score) for r in ask(snapshot, SearchQuery(q=query, k=5)).results]
            for query in queries
        }
    return answers


def test_twenty_swaps_between_two_models_lose_no_request(
    write_catalog: Callable[..., Path],
    tiny_model: Path,
    tmp_path: Path,
    serve: Serve,
    minilm_export: Path,
) -> None:
    artifacts = tmp_path / "artifacts"
    store = ArtifactStore(artifacts)
    versions = publish_both(write_catalog, tiny_model, artifacts)
    dims = {load_snapshot(store.folder(v), LoadOptions()).bundle.vectors.shape[1] for v in versions}
    assert len(dims) == 2, "the two models must differ in dimension"
    service = serve(artifacts, "--poll-s", "0.1", "--workers", "2", "--query-cache", "0").ready()
    pids = set(service.workers())
    swaps, started = 0, time.monotonic()
    picked_up_s: list[float] = []
    with under_load(service, 8) as load:
        while time.monotonic() - started < LOAD_S or swaps < N_SWAPS:
            move(store, versions[swaps % 2])
            picked_up_s.append(service.wait_for_version(versions[swaps % 2]))
            swaps += 1
            time.sleep(0.5)
    assert load.failures == []
    assert load.statuses() == {200: len(load.answers)}
    expected = expected_answers(store, versions, {answer.query for answer in load.answers})
    for answer in load.answers:
        wanted = expected[answer.body["index_version"]][answer.query]
        results = answer.body["results"]
        assert {r["item_id"] for r in results} == {item_id for item_id, _ in wanted}
        scores = dict(wanted)
        assert all(abs(r["score"] - scores[r["item_id"]]) < 1e-5 for r in results)
    assert set(service.workers()) == pids
    slowest_ms = max(answer.took_s for answer in load.answers) * 1e3
    print(
        f"\n{swaps} swaps in {time.monotonic() - started:.0f} s, {len(load.answers)} answers, all"
        f" 200 and consistent; slowest {slowest_ms:.0f} ms; both workers served a new version"
        f" after {statistics.median(picked_up_s):.2f} s in the middle, {max(picked_up_s):.2f} s"
        " at most"
    )


def test_fifty_swaps_leave_memory_where_it_was_and_nothing_mapped(
    write_catalog: Callable[..., Path],
    tiny_model: Path,
    tmp_path: Path,
    serve: Serve,
    minilm_export: Path,
) -> None:
    artifacts = tmp_path / "artifacts"
    store = ArtifactStore(artifacts)
    versions = publish_both(write_catalog, tiny_model, artifacts)
    service = serve(artifacts, "--poll-s", "0.1").ready()
    (worker,) = service.workers()
    used: list[float] = []
    for swap in range(51):
        move(store, versions[swap % 2])
        service.wait_for_version(versions[swap % 2])
        service.get("/v1/search?q=robots&k=3")
        used.append(private_mb(worker))
    after_fifth, at_the_end = used[4], used[50]
    assert at_the_end <= 1.15 * after_fifth

    with store.lock():
        assert store.prune(0) == [], "the live version and the one before it always stay"
    third = publish_again(write_catalog(), artifacts).version
    service.wait_for_version(third)
    with store.lock():
        assert store.prune(0) == [versions[1]]
    mapped = mapped_versions(worker, artifacts)
    assert [name for name in mapped if versions[1] in name] == [], "also not under another name"
    assert third in mapped
    print(
        f"\nprivate memory after swap 5: {after_fifth:.0f} MB, after swap 51: {at_the_end:.0f} MB;"
        " no file of a pruned version is mapped"
    )


def private_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    match = re.search(r"Pss_Anon:\s+(\d+) kB", text)
    assert match
    return int(match[1]) / 1024


def mapped_versions(pid: int, artifacts: Path) -> set[str]:
    paths = {region.path for region in psutil.Process(pid).memory_maps()}
    inside = [path for path in paths if str(artifacts) in path]
    return {Path(path).relative_to(artifacts).parts[0] for path in inside}


def test_a_version_in_use_is_not_pruned(
    write_catalog: Callable[..., Path],
    tiny_model: Path,
    tmp_path: Path,
    serve: Serve,
    minilm_export: Path,
) -> None:
    artifacts = tmp_path / "artifacts"
    store = ArtifactStore(artifacts)
    catalog = write_catalog()
    served = publish(catalog, artifacts).version
    service = serve(artifacts, "--poll-s", "60").ready()
    newer = [publish_again(catalog, artifacts).version for _ in range(3)]
    with store.lock():
        removed = store.prune(0)
    assert removed == newer[:1], "neither the live one, nor the one before, nor the one in use"
    assert service.get("/v1/search?q=robots&k=3")[1]["index_version"] == served
