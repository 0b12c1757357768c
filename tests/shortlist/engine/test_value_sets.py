"""What items carry, found and counted by sets of rows or by going through them: the same."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortlist.bundle.arrays import Csr
from shortlist.engine import value_sets
from shortlist.engine.kept import Kept
from shortlist.engine.row_sets import RowSet
from shortlist.engine.value_sets import Carried

N_NAMES = 20
LISTS = st.lists(st.sets(st.integers(0, N_NAMES - 1), max_size=4), min_size=1, max_size=150)
CODES = st.lists(st.integers(-1, N_NAMES - 1), min_size=1, max_size=150)


def carried_of(carried: list[set[int]], *, listed: bool) -> Carried:
    """Lists of codes, or one code an item, -1 for none."""
    lists = Csr(
        np.concatenate([[0], np.cumsum([len(one) for one in carried])]),
        np.array(list(chain.from_iterable(carried)), np.int32),
    )
    codes = np.array([next(iter(one), -1) for one in carried], np.int32)
    if listed:
        return Carried("made", N_NAMES, lambda _: lists)
    return Carried("made", N_NAMES, lambda rows: codes if rows is None else codes[rows])


@pytest.mark.parametrize("many_names", [0, 64])
@pytest.mark.parametrize("listed", [False, True])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(data=st.data())
def test_rows_and_counts_are_those_of_plain_python(
    data: st.DataObject, listed: bool, many_names: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(value_sets, "MANY_NAMES", many_names)
    drawn = data.draw(LISTS) if listed else [{one} - {-1} for one in data.draw(CODES)]
    made, kept, n_items = carried_of(drawn, listed=listed), Kept(), len(drawn)
    rows = sorted(data.draw(st.sets(st.integers(0, n_items - 1))))
    among = RowSet.of_rows(np.array(rows, np.int64), n_items)
    counts = [sum(code in drawn[row] for row in rows) for code in range(N_NAMES)]
    for _ in range(2):  # found, and then kept
        assert made.counts(among, kept).tolist() == counts
        assert made.n_having(among, kept) == sum(bool(drawn[row]) for row in rows)
    for wanted in ([3], [0, 7], list(range(18))):
        expected = [row for row, own in enumerate(drawn) if own & set(wanted)]
        assert made.by_any(wanted, kept).rows.tolist() == expected


def test_sets_that_would_take_all_the_room_are_not_made() -> None:
    drawn = [{row % N_NAMES} for row in range(8000)]
    made, every = carried_of(drawn, listed=True), RowSet.every(8000)
    small, large = Kept(70_000), Kept(90_000)  # a quarter of it for 20 sets of 1,000 bytes
    for kept in (small, large):
        assert made.counts(every, kept).tolist() == [400] * N_NAMES
    assert [kept.has(("carry", "made", 0)) for kept in (small, large)] == [False, True]
