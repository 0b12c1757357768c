"""Published goods to change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from indexing.job import build
from shortlist.bundle.store import ArtifactStore
from tests.indexing.changes.goods import START, write


@pytest.fixture(scope="session")
def published_goods(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_export: Path
) -> Path:
    """A folder with the goods' catalogue, and with artifacts. Read it, never write it."""
    home = tmp_path_factory.mktemp("goods")
    build(write(home / "catalogue", tiny_model, START, rated=True), home / "artifacts")
    return home


@pytest.fixture
def goods(published_goods: Path, tmp_path: Path) -> ArtifactStore:
    """A copy of the published goods to change; the catalogue lies beside it."""
    shutil.copytree(published_goods, tmp_path / "goods")
    return ArtifactStore(tmp_path / "goods" / "artifacts")
