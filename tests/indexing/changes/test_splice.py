"""Columns with rows exchanged are those that would be made of the values at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.catalog.arrow_values import TEXTS
from indexing.catalog.attributes import coded
from indexing.changing.splice import Chosen, spliced
from shortlist.bundle.attributes import CODED, LISTED, POINTS, TIMES, problem_of

names = st.sampled_from(["red", "blue", "grün", "x"])
VALUES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "integers": (pa.int64(), st.integers(-5, 5)),
    "numbers": (pa.float64(), st.floats(-2, 2)),
    "truths": (pa.bool_(), st.booleans()),
    "texts": (CODED, names),
    "lists": (LISTED, st.lists(names, min_size=1, max_size=3, unique=True)),
    "times": (TIMES, st.fixed_dictionaries({"at": st.integers(0, 9), "form": st.just(30_000)})),
    "points": (POINTS, st.fixed_dictionaries({"lat": st.floats(-9, 9), "lon": st.just(1.0)})),
    "plain texts": (pa.large_string(), names),
}


def column(kind: pa.DataType, values: list[Any]) -> pa.Array:
    if kind == CODED:
        return coded(pa.array(values, pa.large_string()))
    if kind == LISTED:
        lists = pa.array(values, TEXTS)
        codes = coded(lists.flatten())
        mask = pa.array([value is None for value in values], pa.bool_())
        return pa.LargeListArray.from_arrays(lists.offsets, codes, mask=mask)
    return pa.array(values, kind)


@pytest.mark.parametrize("name", VALUES)
@given(data=st.data())
def test_chosen_rows_of_two_columns_are_one_column(name: str, data: st.DataObject) -> None:
    kind, values = VALUES[name]
    some = st.lists(st.none() | values, min_size=1, max_size=6)
    before, changed = data.draw(some), data.draw(some)
    together = [*before, *changed]
    anywhere = st.lists(st.integers(0, len(together) - 1), min_size=1, max_size=8)
    chosen = data.draw(anywhere | st.just(list(range(len(before)))))
    found = spliced(
        column(kind, before), column(kind, changed), Chosen(np.array(chosen), len(before))
    )
    assert found.to_pylist() == [together[place] for place in chosen]
    assert found.type == kind and problem_of(found) is None
    if kind == CODED:  # the names are those that some row has, and no other
        assert found.dictionary.to_pylist() == sorted(
            {together[place] for place in chosen} - {None}
        )
