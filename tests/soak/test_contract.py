"""Thousands of generated requests: no server error, nothing that the document does not say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis

from service.app import create_app
from service.config import Settings
from service.openapi import OPERATIONS
from tests.service.test_contract import modes_of, try_out

N_CASES = 150
"""For each endpoint, of sound and of unsound requests."""


@pytest.fixture(scope="module")
def documented(sample_artifacts: Path) -> Iterator[Any]:
    app = create_app(Settings(artifacts=sample_artifacts, poll_s=60))
    yield schemathesis.openapi.from_wsgi("/openapi.json", app)
    app.extensions["reloader"].stop()


@pytest.mark.soak
def test_thousands_of_requests_are_answered_as_documented(documented: Any) -> None:
    asked = sum(
        try_out(documented, operation, mode, n_cases=N_CASES)
        for operation in OPERATIONS
        for mode in modes_of(operation)
    )
    assert asked >= 2000
    print(f"\n{asked} generated requests, no server error, nothing undocumented")
