"""The service against its own OpenAPI document: generated requests, sound and unsound."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
from service.openapi import Operation, operations

FEW = 8
HEADERS = {"Accept-Encoding": "identity", "X-API-Key": "wr1te"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def documented(sample_artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of a service over the bundled sample, its requests answered in process."""
    with documents(sample_artifacts, tmp_path_factory.mktemp("contract")) as found:
        yield found


@contextmanager
def documents(sample_artifacts: Path, folder: Path) -> Iterator[Any]:
    """The document of a service over a copy of the sample below a folder.

    It takes changes and events.
    """
    artifacts = Path(shutil.copytree(sample_artifacts, folder / "artifacts"))
    app = create_app(
        Settings(
            artifacts=artifacts,
            poll_s=60,
            writes=True,
            write_key="wr1te",
            events=f"sqlite:///{folder}/events.db",
            deadline_s=1,
        )
    )
    try:
        yield schemathesis.openapi.from_wsgi("/openapi.json", app)
    finally:
        app.extensions["reloader"].stop()
        app.extensions["recorder"].stop()


def modes_of(operation: Operation) -> list[GenerationMode]:
    """Sound requests, and unsound ones of what takes anything that could be."""
    takes = operation.query or operation.takes or "{" in operation.path
    return list(GenerationMode) if takes else [GenerationMode.POSITIVE]


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(operation, mode, id=f"{operation.method} {operation.path}-{mode.value}")
        for operation in operations(writes=True, events=True)
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
        case.call_and_validate(checks=CHECKS, headers=HEADERS)

    ask()
    return asked
