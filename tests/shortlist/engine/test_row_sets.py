import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.engine.row_sets import RowSet, distinct, stand_in

ROWS = st.lists(st.integers(-50, 50), max_size=40)


@given(ROWS)
def test_distinct_numbers_rise_and_are_all_there_are(rows: list[int]) -> None:
    assert distinct(np.array(rows, np.int64)).tolist() == sorted(set(rows))


@given(ROWS, ROWS)
def test_a_number_stands_in_the_rising_ones_or_not(rows: list[int], others: list[int]) -> None:
    rising = np.array(sorted(set(others)), np.int32)

    found = stand_in(np.array(rows, np.int64), rising)

    assert found.tolist() == [row in others for row in rows]


FEW, MANY = 200, 70
"""Sizes of which small sets are held as lists, and as bits."""


def sets(n_items: int) -> st.SearchStrategy[set[int]]:
    """Sets of rows of every size."""
    return st.sets(st.integers(0, n_items - 1), max_size=n_items)


def row_set(rows: set[int], n_items: int) -> RowSet:
    return RowSet.of_rows(np.array(sorted(rows), np.int64), n_items)


@pytest.mark.parametrize("n_items", [1, 8, 63, 64, 65, MANY, FEW])
@given(data=st.data())
def test_sets_of_rows_are_joined_and_taken_from_each_other(
    data: st.DataObject, n_items: int
) -> None:
    one, other = data.draw(sets(n_items)), data.draw(sets(n_items))
    first, second = row_set(one, n_items), row_set(other, n_items)
    every = set(range(n_items))
    for found, expected in (
        (first, one),
        (RowSet.of_mask(first.mask), one),
        (RowSet.of_bits(first.bits, n_items), one),
        (RowSet.every(n_items), every),
        (first & second, one & other),
        (first | second, one | other),
        (~first, every - one),
        (first.without(np.array(list(other), np.int64)), one - other),
        (first.afresh(), one),
    ):
        assert found.rows.tolist() == sorted(expected) and found.rows.dtype == np.int64
        assert len(found) == len(expected)
        assert np.flatnonzero(found.mask).tolist() == sorted(expected)
        assert len(found.mask) == n_items
        assert np.flatnonzero(np.unpackbits(found.bits, bitorder="little")).tolist() == sorted(
            expected
        )
        asked = np.arange(n_items)[::-1]
        assert found.has(asked).tolist() == [row in expected for row in asked.tolist()]
        assert found.afresh().has(asked).tolist() == found.has(asked).tolist()
    assert first.count_in(second) == len(one & other)


def test_a_set_takes_a_bit_a_row_at_most_and_forms_that_are_made_do_not_stay() -> None:
    half = RowSet.of_mask(np.arange(64_000) % 2 == 0)
    few = RowSet.of_rows(np.arange(100), 64_000)
    assert (half.nbytes, few.nbytes) == (8_000, 400)
    assert half.rows.nbytes == 32_000 * 8 and half.nbytes == 8_000
    assert half.afresh().mask is not half.mask
