"""The strongest pairs, kept within a budget."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from indexing.neighbours.lists import as_lists, as_matrix, largest_of_each_row, strongest

MATRIX = np.array([[0, 5, -4], [1, 0, 0], [0.5, 3, 0]], dtype=np.float32)


def test_the_largest_of_all_are_kept_whatever_their_sign() -> None:
    # a budget of one an item is three in all: 5, -4 and 3
    kept = strongest([MATRIX[:2], MATRIX[2:]], per_item=1).toarray()
    assert kept.tolist() == [[0, 5, -4], [0, 0, 0], [0, 3, 0]]


def test_zeros_are_no_neighbours_whatever_the_budget() -> None:
    assert strongest([MATRIX], per_item=9).nnz == 5


@given(st.integers(1, 6), st.integers(0, 1000))
def test_the_budget_holds_also_among_equals(per_item: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).integers(-1, 2, (12, 12)).astype(np.float32)
    assert strongest([matrix], per_item=per_item).nnz <= per_item * 12


def test_of_a_row_the_largest_stay_and_ties_go_by_column() -> None:
    rows = sparse.csr_matrix(np.array([[0, 2, 2, 2], [1, 0, 0, 3]], dtype=np.float32))
    kept = largest_of_each_row(rows, per_item=2).toarray()
    assert kept.tolist() == [[0, 2, 2, 0], [1, 0, 0, 3]]


def test_lists_stand_at_the_rows_of_the_whole_catalogue() -> None:
    lists = as_lists(sparse.csr_matrix(MATRIX), np.array([4, 0, 2]), n_items=6)
    assert len(lists) == 6
    whole = as_matrix(lists).toarray()
    assert whole[4, 0] == 5
    assert whole[4, 2] == -4
    assert whole[2, 0] == 3
    assert lists.counts(np.array([0, 1, 2, 4])).tolist() == [1, 0, 2, 2]
    assert lists.of(4).tolist() == [0, 2]
