"""A Dask cluster on the loopback interface, for the tests that need one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.dask_cluster import COUNTING, OTHER_PRECISION, SLOWLY, Cluster, kill

__all__ = ["COUNTING", "OTHER_PRECISION", "SLOWLY", "Cluster", "cluster", "kill"]


@pytest.fixture
def cluster(tmp_path: Path, repository: Path) -> Iterator[Cluster]:
    """A scheduler without workers, ended behind the test."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    own = Cluster(folder, repository)
    try:
        yield own
    finally:
        own.end()
