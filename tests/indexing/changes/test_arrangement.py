"""Which segments stay and what is written anew: by hand, and as properties of any history."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing import arrangement
from indexing.arrangement import Arrangement, arrange, rows_of_entries
from indexing.documents import HASH_DTYPE

Rows = np.ndarray


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments are written anew up to 4 entries, and joined when there are more than 3."""
    monkeypatch.setattr(arrangement, "OPEN_UP_TO", 4)
    monkeypatch.setattr(arrangement, "TIER", 3)


def rows(*values: int) -> Rows:
    return np.array(values, np.int32)


def segment(first: int, size: int) -> Rows:
    return np.arange(first, first + size, dtype=np.int32)


def places(found: Arrangement) -> list[int]:
    return [one.place for one in found.kept]


def test_what_no_segment_has_is_new() -> None:
    found = arrange([segment(0, 6)], n_items=8, compact=False)
    assert places(found) == [0] and found.fresh.tolist() == [6, 7]


def test_a_small_segment_is_written_again_with_what_is_new() -> None:
    found = arrange([segment(0, 6), rows(6, -1)], n_items=8, compact=False)
    assert places(found) == [0] and found.fresh.tolist() == [6, 7]


def test_nothing_new_leaves_every_segment_but_empty_ones() -> None:
    found = arrange([segment(0, 6), rows(6, -1), rows(-1, -1)], n_items=7, compact=False)
    assert places(found) == [0, 1] and not len(found.fresh)


def test_segments_of_one_size_are_joined_when_there_are_too_many() -> None:
    sizes = [40, 5, 5, 5]
    begins = np.cumsum([0, *sizes[:-1]])
    parts = [segment(begin, size) for begin, size in zip(begins, sizes, strict=True)]
    kept = arrange(parts, n_items=56, compact=False)
    assert places(kept) == [0, 1, 2, 3] and kept.fresh.tolist() == [55]
    joined = arrange(parts, n_items=60, compact=False)
    assert places(joined) == [0] and joined.fresh.tolist() == list(range(40, 60))


def test_more_than_a_fifth_gone_is_compacted_by_a_build_alone() -> None:
    parts = [rows(*range(7), -1, -1)]  # two of nine
    assert places(arrange(parts, n_items=7, compact=False)) == [0]
    found = arrange(parts, n_items=7, compact=True)
    assert places(found) == [] and found.fresh.tolist() == list(range(7))
    assert places(arrange([rows(*range(8), -1, -1)], n_items=8, compact=True)) == [0], "a fifth"


histories = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), max_size=30)


@given(histories, st.randoms(use_true_random=False), st.booleans())
def test_every_item_stands_in_one_place_and_segments_stay_few(
    history: list[tuple[int, int]], random: Random, compact: bool
) -> None:
    rng = np.random.default_rng(random.getrandbits(32))
    parts: list[Rows] = [segment(0, 10)]
    n_items = 10
    for n_new, n_gone in history:
        gone = rng.choice(n_items, size=min(n_gone, n_items - 1), replace=False)
        stays = np.ones(n_items, bool)
        stays[gone] = False
        moved = np.append(np.where(stays, np.cumsum(stays) - 1, -1), -1)
        n_items = int(stays.sum()) + n_new
        parts = [moved[own].astype(np.int32) for own in parts]
        found = arrange(parts, n_items=n_items, compact=compact)
        parts = [one.rows for one in found.kept]
        if len(found.fresh):
            parts.append(found.fresh.astype(np.int32))
        live = np.concatenate([own[own >= 0] for own in parts])
        assert sorted(live.tolist()) == list(range(n_items))
        assert len(parts) <= 4 * 4, "three of each size, and one that is open"


hashes = st.lists(st.sampled_from("abcd"), max_size=8)


def contents(names: list[str]) -> np.ndarray:
    return np.array([name.encode().ljust(16, b".") for name in names], HASH_DTYPE)


@given(st.lists(hashes, min_size=1, max_size=3), hashes)
def test_each_entry_goes_to_one_row_of_the_same_contents(
    parts: list[list[str]], wanted: list[str]
) -> None:
    found = rows_of_entries([contents(part) for part in parts], contents(wanted))
    assert [len(own) for own in found] == [len(part) for part in parts]
    given_rows = [
        (int(row), name)
        for own, part in zip(found, parts, strict=True)
        for row, name in zip(own, part, strict=True)
        if row >= 0
    ]
    assert all(wanted[row] == name for row, name in given_rows)
    assert len({row for row, _ in given_rows}) == len(given_rows)
    for name in "abcd":
        n_entries = sum(part.count(name) for part in parts)
        n_given = sum(own == name for _, own in given_rows)
        assert n_given == min(n_entries, wanted.count(name))
