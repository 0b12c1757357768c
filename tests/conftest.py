"""What all tests share lies beside this file, by kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = (
    "tests.catalogues",
    "tests.dask_cluster",
    "tests.databases",
    "tests.event_stores",
    "tests.languages",
    "tests.milvus_servers",
    "tests.models",
    "tests.object_stores",
    "tests.publishing",
    "tests.serving",
    "tests.shop",
)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's top folder."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def movielens() -> Path:
    """The folder of ml-latest-small; skips without MOVIELENS, fails when it is wrong."""
    value = os.environ.get("MOVIELENS")
    if not value:
        pytest.skip("set MOVIELENS to the ml-latest-small folder: make test MOVIELENS=PATH")
    folder = Path(value)
    assert (folder / "movies.csv").is_file(), f"MOVIELENS={value}: no movies.csv in it"
    return folder
