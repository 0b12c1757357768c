"""The neighbour section on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shortlist.bundle.arrays import Csr
from shortlist.bundle.sections.neighbour_lists import (
    FILES,
    Neighbours,
    read_neighbours,
    write_neighbours,
)
from shortlist.errors import BundleCorrupt

LISTS = Csr(
    np.array([0, 2, 2, 3]), np.array([1, 2, 0], np.int32), np.array([0.5, -0.25, 1], np.float16)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_neighbours(tmp_path, Neighbours(LISTS, LISTS))
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.npy")) == sorted(
        FILES
    )
    found = read_neighbours(folder, n_items=3)
    for lists in (found.collaborative, found.co_liked):
        assert lists.offsets.tolist() == [0, 2, 2, 3]
        assert lists.indices.tolist() == [1, 2, 0]
        assert lists.weights.tolist() == [0.5, -0.25, 1]
    assert found.knows(np.array([0, 1, 2])).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("offsets", np.array([0, 2, 3]), "expected 4 rising offsets"),
        ("offsets", np.array([1, 2, 2, 3]), "expected 4 rising offsets"),
        ("offsets", np.array([0, 2, 1, 3]), "offsets: row 2: expected rising values, found 1"),
        ("offsets", np.array([0, 2**63 - 1, -(2**63), 3]), "offsets: row 2: expected rising"),
        ("offsets", np.array([0, 2, 2, 4]), "expected 4 entries"),
        ("rows", np.array([1, 2, 3], np.int32), "entries: row 2: expected 0 to 2, found 3"),
        ("rows", np.array([1, 2, -1], np.int32), "entries: row 2: expected 0 to 2, found -1"),
        ("rows", np.array([1, 2, 0]), "expected int32"),
        ("weights", np.array([0.5, np.nan, 1], np.float16), "expected finite weights"),
        ("weights", np.array([0.5, 1], np.float16), "expected 3 entries"),
    ],
)
def test_what_does_not_fit_is_refused(
    folder: Path, name: str, values: np.ndarray, message: str
) -> None:
    np.save(folder / f"neighbours/co_liked.{name}.npy", values)
    with pytest.raises(BundleCorrupt, match=message):
        read_neighbours(folder, n_items=3)
