"""Swaps from an object store under load: two services with caches of their own lose nothing."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path

import pytest

from indexing.job import build
from indexing.versions import verify
from tests.catalogues import add_a_rating
from tests.object_stores import Bucket
from tests.serving import Serve
from tests.soak.load import under_load

pytestmark = pytest.mark.soak

N_SWAPS = 20
MOST_S = 5.0


def test_twenty_swaps_lose_nothing(
    bucket: Bucket, toys: Path, tiny_export: Path, serve: Serve, tmp_path: Path
) -> None:
    catalog = Path(shutil.copytree(toys.parent, tmp_path / "catalogue")) / toys.name
    build(catalog, bucket.url)
    services = [
        serve(
            Path(),
            "--artifacts",
            bucket.url,
            environment={**bucket.environment, "SHORTLIST_CACHE": str(tmp_path / name)},
        ).ready()
        for name in ("one", "other")
    ]
    took: list[float] = []
    with under_load(services[0], 3) as first, under_load(services[1], 3) as second:
        for _ in range(N_SWAPS):
            add_a_rating(catalog)
            version, moved_at = "", 0.0

            def note(step: str) -> None:
                nonlocal moved_at
                if step == "published: CURRENT replaced":
                    moved_at = time.monotonic()

            version = build(catalog, bucket.url, on_step=note).version
            for service in services:
                service.wait_for_version(version)
                took.append(time.monotonic() - moved_at)
    loads = (first, second)
    statuses = [load.statuses() for load in loads]
    n_answers = sum(sum(one.values()) for one in statuses)
    caches = [len([*(tmp_path / name).glob("*/2*Z-*")]) for name in ("one", "other")]
    print(
        f"\n{N_SWAPS} swaps, two services, {n_answers:,} answers: {statuses}, lost"
        f" {sum(len(load.failures) for load in loads)}; on the new version after"
        f" {statistics.median(took):.2f} s (median), {max(took):.2f} s (slowest) from CURRENT;"
        f" versions in the caches at the end: {caches}"
    )
    assert [load.failures for load in loads] == [[], []]
    assert [set(one) for one in statuses] == [{200}, {200}]
    assert max(took) < MOST_S
    assert max(caches) <= 4
    assert verify(bucket.machine("fresh"), None) == version
