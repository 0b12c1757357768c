"""Where rows stand among segments: each in one place, or it is refused."""

from __future__ import annotations

import numpy as np
import pytest

from shortlist.bundle.places import places_of
from shortlist.errors import BundleCorrupt


@pytest.mark.parametrize(
    ("rows", "n_items"),
    [
        ([[0, 1], [2]], 4),
        ([[0, 1], [2]], 10**15),
        ([[0, 1], [1]], 3),
        ([[0, 1], [3]], 3),
        ([[0, -1], [1, 2, 0]], 3),
        ([[1, 0, 2**30]], 3),
    ],
)
def test_rows_that_do_not_stand_in_one_place_each_are_corrupt(
    rows: list[list[int]], n_items: int
) -> None:
    with pytest.raises(BundleCorrupt, match="every item once"):
        places_of([np.array(own, np.int32) for own in rows], n_items=n_items)


def test_a_row_is_found_where_its_entry_is_not_deleted() -> None:
    parts = [np.array([-1, 1, -1], np.int32), np.array([2, 0], np.int32)]
    found = {
        number: (own.tolist(), entries.tolist())
        for number, own, entries in places_of(parts, n_items=3).parted(np.array([0, 1, 2]))
    }
    assert found == {0: ([1], [1]), 1: ([0, 2], [1, 0])}
