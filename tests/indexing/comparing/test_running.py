"""Means after each observation, their errors by person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexing.comparing.running import running_mean

OBSERVED = st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.integers(0, 5)), max_size=30)


@settings(deadline=None)
@given(OBSERVED, st.sampled_from([None, 0.0]))
def test_each_is_what_all_so_far_say(
    observed: list[tuple[float, int]], around: float | None
) -> None:
    values = np.array([value for value, _ in observed])
    people = np.array([person for _, person in observed], dtype=np.int64)
    found = running_mean(values, people, around=around)
    for end in range(1, len(observed) + 1):
        own, who = values[:end], people[:end]
        mean = own.mean()
        centre = mean if around is None else around
        spread = sum((own[who == one] - centre).sum() ** 2 for one in set(who.tolist()))
        assert found.mean[end - 1] == pytest.approx(mean)
        assert found.standard_error[end - 1] == pytest.approx(spread**0.5 / end, abs=1e-7)
        assert found.n_people[end - 1] == len(set(who.tolist()))


def test_one_person_who_says_the_same_ten_times_says_it_once() -> None:
    ten = running_mean(np.ones(10), np.zeros(10, np.int64), around=0.0)
    # all of one person: √((10 · 1)²) / 10 = 1; of ten people √(10 · 1²) / 10 = 0.316
    assert ten.standard_error[-1] == pytest.approx(1.0)
    others = running_mean(np.ones(10), np.arange(10), around=0.0)
    assert others.standard_error[-1] == pytest.approx(0.316, abs=1e-3)
