"""Catalogues that are wrong in thousands of ways: each is read, or refused in words.

A case is repeated by its number: `python -m tests.soak.catalogue_child FOLDER 17 18`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.soak.catalogue_child import CASE_S

N_CASES, N_FEW = int(os.environ.get("SOAK_CATALOGUES", "1500")), 150
TABLES = ("[items]: ", "[tags]: ", "[ratings]: ")
PLACES = ("/case", "/proc/", "/dev/", "document.template", "index.type", "items.title", *TABLES)
"""One of them stands in every message: a file, the table of a query, or the key of the
description."""


def outcomes(cases: range, folder: Path, repository: Path) -> list[dict[str, Any]]:
    """What became of each; a process that dies is replaced, and its case has `died`."""
    found: list[dict[str, Any]] = []
    while len(found) < len(cases):
        home = folder / f"from{len(found)}"
        home.mkdir()
        first, end = cases[len(found)], cases[-1] + 1
        run = subprocess.run(
            [sys.executable, "-m", "tests.soak.catalogue_child", str(home), str(first), str(end)],
            check=False,
            capture_output=True,
            text=True,
            cwd=repository,
            timeout=60 + CASE_S * len(cases),
        )
        said = [json.loads(line) for line in run.stdout.splitlines()]
        found += [one for one in said if "case" in one]
        if len(found) < len(cases):
            died = f"exit {run.returncode}: {run.stderr[-2000:]}"
            found.append({"case": cases[len(found)], "died": died})
    return found


def problem_of(outcome: dict[str, Any]) -> str | None:
    """What is wrong with how a case was taken, if anything is."""
    if "died" in outcome or "unforeseen" in outcome:
        return outcome.get("died") or outcome.get("unforeseen")
    said = outcome.get("said")
    if said is None:
        return None
    if len(said) > 2000 or not said.replace("\n", "").isprintable():
        return f"not presentable: {said!r}"
    return None if any(place in said for place in PLACES) else f"names no place: {said}"


def problems(found: list[dict[str, Any]]) -> dict[int, str]:
    """The numbers of cases that were not taken as they should, and how they were."""
    return {one["case"]: text for one in found if (text := problem_of(one)) is not None}


def test_some_catalogues_are_read_or_refused_in_words(tmp_path: Path, repository: Path) -> None:
    found = outcomes(range(N_FEW), tmp_path, repository)
    assert problems(found) == {}
    refused = sum("said" in one for one in found)
    assert 0.2 * N_FEW < refused < 0.9 * N_FEW, "cases should neither all pass nor all fail"


@pytest.mark.soak
def test_thousands_of_catalogues_are_read_or_refused_in_words(
    tmp_path: Path, repository: Path
) -> None:
    found = outcomes(range(N_CASES), tmp_path, repository)
    assert problems(found) == {}
    refused = sum("said" in one for one in found)
    print(f"\n{len(found) - refused} catalogues read, {refused} refused in words, none otherwise")
