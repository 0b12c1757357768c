"""Files are read as files only, whatever lies in their place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shortlist.bundle.files import open_regular


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_and_stays_open_nowhere(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    path = tmp_path / "BLOCKLIST"
    make(path)
    before = n_open()
    for _ in range(100):
        with pytest.raises(OSError, match="BLOCKLIST: not a regular file"):
            open_regular(path)
    assert n_open() - before < 50, "other threads may open some meanwhile"


def n_open() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
