"""Files are read as files only, whatever lies in their place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shortlist.bundle import files
from shortlist.bundle.files import open_regular, settle_tree


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


def test_settling_leaves_what_another_version_has_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    (old / "shared").write_bytes(b"1")
    settle_tree(old)
    (new / "shared").hardlink_to(old / "shared")
    (new / "own").write_bytes(b"2")
    (new / "not settled").write_bytes(b"3")
    (tmp_path / "elsewhere").hardlink_to(new / "not settled")
    synced: list[str] = []
    monkeypatch.setattr(files, "sync", lambda path: synced.append(path.name))
    settle_tree(new)
    assert sorted(synced) == ["new", "not settled", "own"]
    assert {path.stat().st_mode & 0o777 for path in new.iterdir()} == {0o444}
