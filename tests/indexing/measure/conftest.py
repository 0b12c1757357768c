"""The bundled sample, opened for evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexing.measure.evaluate import Subject, open_subject
from indexing.measure.protocols import tastes


@pytest.fixture(scope="session")
def subject(repository: Path, sample_artifacts: Path) -> Subject:
    return open_subject(repository / "data/sample/catalog.toml", sample_artifacts)


@pytest.fixture
def few_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tastes, "MAX_USERS", 40)
