import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.engine.row_sets import distinct, stand_in

ROWS = st.lists(st.integers(-50, 50), max_size=40)


@given(ROWS)
def test_distinct_numbers_rise_and_are_all_there_are(rows: list[int]) -> None:
    assert distinct(np.array(rows, np.int64)).tolist() == sorted(set(rows))


@given(ROWS, ROWS)
def test_a_number_stands_in_the_rising_ones_or_not(rows: list[int], others: list[int]) -> None:
    rising = np.array(sorted(set(others)), np.int32)

    found = stand_in(np.array(rows, np.int64), rising)

    assert found.tolist() == [row in others for row in rows]
