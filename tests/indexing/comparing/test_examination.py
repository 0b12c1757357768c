"""How people look at places, learnt from what moved."""

from __future__ import annotations

import numpy as np
import pytest

from indexing.comparing.displays import Displays, displays_of
from indexing.comparing.examination import examination_of
from tests.event_stores import answer
from tests.indexing.comparing.test_outcomes import clicks


def displays(rows: list[tuple[int, int, int, int, int]]) -> Displays:
    """From request, item, rank, shown, clicks."""
    requests, items, ranks, shown, clicked = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    n_requests = int(requests.max(initial=-1)) + 1
    return Displays(
        tuple(map(str, range(n_requests))), tuple(map(str, range(100))),
        np.ones(n_requests, np.int64), requests, items, ranks, shown, clicked,
    )  # fmt: skip


def test_the_same_item_at_two_places_tells_how_much_less_the_lower_is_looked_at() -> None:
    """100 of 1,000 at the first, 25 of 1,000 at the second: a quarter, η = 2 as 2^-2 = 1/4."""
    found = examination_of(displays([(0, 0, 1, 1000, 1000), (0, 0, 2, 1000, 250)]))
    assert not found.is_assumed
    assert found.steepness == pytest.approx(2.0, abs=0.01)
    assert found.shares.tolist() == pytest.approx([1.0, 0.25], abs=0.005)


def test_better_items_at_higher_places_are_not_taken_for_looks() -> None:
    """What stands first is clicked twice as often because it is good: only 1 and 2 move."""
    rows = [(0, 0, 1, 1000, 900), (0, 1, 2, 1000, 100), (1, 2, 1, 500, 200), (1, 2, 2, 500, 100)]
    found = examination_of(displays(rows))
    assert found.clicks == 300
    assert found.shares[1] == pytest.approx(0.5, abs=0.01)


def test_an_item_shown_more_often_at_one_place_is_counted_by_how_often() -> None:
    found = examination_of(displays([(0, 0, 1, 100, 60), (0, 0, 2, 1000, 300)]))
    assert found.shares[1] == pytest.approx(0.5, abs=0.01)


def test_without_enough_that_moved_the_curve_is_assumed_and_says_so() -> None:
    for rows in ([], [(0, 0, 1, 1000, 900)], [(0, 0, 1, 90, 50), (0, 0, 4, 90, 49)]):
        found = examination_of(displays(rows))
        assert (found.is_assumed, found.steepness) == (True, 1.0)
    assert found.shares.tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert found.at(np.array([1, 4, 8])).tolist() == pytest.approx([1, 1 / 4, 1 / 8])


def test_the_curve_is_found_through_noise_and_places_that_few_reach() -> None:
    rng = np.random.default_rng(11)
    true = np.arange(1, 11) ** -1.3
    rows = []
    for request in range(300):
        for item in range(6):
            attraction = rng.beta(1, 4)
            for rank in rng.permutation(10)[:3] + 1:
                shown = int(rng.integers(1, 40))
                rows.append((request, item, rank, shown,
                             rng.binomial(shown, attraction * true[rank - 1])))  # fmt: skip
    found = examination_of(displays(rows))
    assert found.steepness == pytest.approx(1.3, abs=0.05)
    assert np.abs(found.shares / true - 1).max() < 0.15


def test_displays_are_of_searches_whose_request_is_known() -> None:
    ask = '{"q":"love","k":3}'
    again = '{"k":20,"q":"love","explain":true}'
    found = displays_of([
        answer("a", request=ask, outcomes=clicks("a", "8")),
        answer("b", request=again, shown=("8", "7", "9"), outcomes=clicks("b", "8", "9")),
        answer("c", request=ask, offset=3, shown=("4",)),
        answer("d", request='{"q":"war"}', shown=()),
        answer("e"),
    ])  # fmt: skip
    assert found.asked == ('{"q": "love"}', '{"q": "war"}')
    assert found.lists.tolist() == [2, 1]
    columns = zip(found.requests, found.items, found.ranks, found.shown, found.clicks, strict=True)
    told = {(int(q), found.names[d], int(r)): (int(n), int(c)) for q, d, r, n, c in columns}
    assert told == {
        (0, "7", 1): (1, 0), (0, "8", 1): (1, 1), (0, "8", 2): (1, 1), (0, "7", 2): (1, 0),
        (0, "9", 3): (2, 1), (0, "4", 4): (1, 0),
    }  # fmt: skip
