"""The service against its own OpenAPI document: generated requests, sound and unsound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.app import create_app
from service.config import Settings
from service.openapi import OPERATIONS, Operation

FEW = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def documented(sample_artifacts: Path) -> Iterator[Any]:
    """The document of a service over the bundled sample, its requests answered in process."""
    app = create_app(Settings(artifacts=sample_artifacts, poll_s=60))
    yield schemathesis.openapi.from_wsgi("/openapi.json", app)
    app.extensions["reloader"].stop()


def modes_of(operation: Operation) -> list[GenerationMode]:
    """Sound requests, and unsound ones of what takes anything that could be."""
    takes = operation.query or "{" in operation.path
    return list(GenerationMode) if takes else [GenerationMode.POSITIVE]


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(operation, mode, id=f"{operation.method} {operation.path}-{mode.value}")
        for operation in OPERATIONS
        for mode in modes_of(operation)
    ],
)
def test_every_answer_is_as_documented(documented: Any, operation: Any, mode: Any) -> None:
    assert try_out(documented, operation, mode, n_cases=FEW) > 0


def try_out(documented: Any, operation: Any, mode: Any, *, n_cases: int) -> int:
    """Ask one endpoint that many generated requests, sound ones or not, and check each answer.

    Returns how many were asked.
    """
    asked = 0
    target = documented[operation.path][operation.method.upper()]

    @given(case=target.as_strategy(generation_mode=mode))
    @settings(
        max_examples=n_cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        case.call_and_validate(checks=CHECKS, headers={"Accept-Encoding": "identity"})

    ask()
    return asked
