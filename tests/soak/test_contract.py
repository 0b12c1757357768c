"""Thousands of generated requests: no server error, nothing that the document does not say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.openapi import operations
from tests.service.test_contract import documents, modes_of, try_out

N_CASES = 150
"""For each endpoint, of sound and of unsound requests."""


@pytest.fixture(scope="module")
def documented(sample_artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with documents(sample_artifacts, tmp_path_factory.mktemp("contract")) as found:
        yield found


@pytest.mark.soak
def test_thousands_of_requests_are_answered_as_documented(documented: Any) -> None:
    asked = sum(
        try_out(documented, operation, mode, n_cases=N_CASES)
        for operation in operations(writes=True, events=True)
        for mode in modes_of(operation)
    )
    assert asked >= 2000
    print(f"\n{asked} generated requests, no server error, nothing undocumented")
