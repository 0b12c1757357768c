"""The strongest pairs, kept within a budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from indexing.neighbours import lists as lists_module
from indexing.neighbours.lists import as_lists, as_matrix, largest_of_each_row, strongest

MATRIX = np.array([[0, 5, -4], [1, 0, 0], [0.5, 3, 0]], dtype=np.float32)
WHOLE = sparse.csr_matrix(MATRIX)


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


@pytest.mark.parametrize(
    "blocks", [[WHOLE], [WHOLE[:1], WHOLE[1:]], [WHOLE[0], WHOLE[1], WHOLE[2]]]
)
def test_lists_stand_at_the_rows_of_the_whole_catalogue(blocks: list[sparse.csr_matrix]) -> None:
    lists = as_lists(blocks, np.array([4, 0, 2]), n_items=6)
    assert len(lists) == 6
    whole = as_matrix(lists).toarray()
    assert whole[4, 0] == 5
    assert whole[4, 2] == -4
    assert whole[2, 0] == 3
    assert lists.counts(np.array([0, 1, 2, 4])).tolist() == [1, 0, 2, 2]
    assert lists.of(4).tolist() == [0, 2]


@pytest.mark.parametrize("key_bits", [64, 40])
def test_all_rows_at_once_keep_what_each_row_would(
    monkeypatch: pytest.MonkeyPatch, key_bits: int
) -> None:
    monkeypatch.setattr(lists_module, "_KEY_BITS", key_bits)
    rng = np.random.default_rng(8)
    dense = rng.choice([0, 0.25, 0.5, 1e-9, 1, 3e20], size=(40, 30)).astype(np.float32)
    dense[5] = 0
    matrix = sparse.csr_matrix(dense)
    mixed = matrix.copy()
    for row in range(40):
        own = slice(mixed.indptr[row], mixed.indptr[row + 1])
        order = rng.permutation(own.stop - own.start)
        mixed.indices[own], mixed.data[own] = mixed.indices[own][order], mixed.data[own][order]
    mixed.has_sorted_indices = False
    expected = np.zeros_like(dense)
    for row, values in enumerate(dense):
        best = np.argsort(-values, kind="stable")[:4]
        expected[row, best] = values[best]
    for one in (matrix, mixed):
        found = largest_of_each_row(one, per_item=4)
        assert found.toarray().tolist() == expected.tolist()
        assert found.nnz == np.count_nonzero(expected)
        for row in range(40):
            assert np.all(np.diff(found.indices[found.indptr[row] : found.indptr[row + 1]]) > 0)
