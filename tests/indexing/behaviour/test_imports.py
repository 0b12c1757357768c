"""What reads acts stands on the catalogue, and the catalogue reads acts: either comes first."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["indexing.behaviour.acts", "indexing.features", "indexing.catalog"]
)
def test_a_module_can_be_imported_before_any_other(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
