"""Lists judged by the clicks on others: the arithmetic, what is unknown, versions of a store."""

from __future__ import annotations

import numpy as np
import pytest

from indexing.comparing.displays import Displays
from indexing.comparing.examination import Examination, Moved
from indexing.comparing.replay import Valuation, compare, estimates, rank_again
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from tests.indexing.comparing.test_examination import displays

HALVES = Examination(np.array([1.0, 0.5, 0.25, *[0.0625] * 7]), 1.0, 1000, is_assumed=False)


def value(logged: Displays, *rankings: list[str]) -> tuple[list[float], float]:
    """What the lists are worth, one for each request, and the share of looks on the unknown."""
    valuation = Valuation(logged)
    placed = valuation.placed(valuation.numbered(rankings))
    return valuation.clicks(placed, HALVES).tolist(), placed.unknown(HALVES, logged.lists)


def test_a_click_behind_a_place_that_half_look_at_counts_twice_at_the_first() -> None:
    logged = displays([(0, 0, 1, 1, 0), (0, 1, 2, 1, 1), (0, 2, 3, 1, 0)])
    # γ of item 1 is 1 / 0.5 = 2: worth 2 at the first place, 1 at the second, 0.5 at the third
    for ranking, worth in ((["1", "0", "2"], 2.0), (["0", "1"], 1.0), (["0", "2", "1"], 0.5)):
        assert value(logged, ranking) == ([pytest.approx(worth)], pytest.approx(0.0))


def test_the_list_that_was_shown_is_worth_the_clicks_it_had() -> None:
    logged = displays([(0, 0, 1, 10, 6), (0, 1, 2, 10, 2), (0, 2, 3, 10, 1)])
    logged.lists[0] = 10
    assert value(logged, ["0", "1", "2"])[0] == [pytest.approx(0.9)]  # 9 clicks in 10 searches


def test_all_displays_of_an_item_count_together() -> None:
    logged = displays([(0, 0, 1, 6, 3), (0, 0, 2, 4, 1), (0, 1, 2, 6, 0), (0, 1, 1, 4, 0)])
    logged.lists[0] = 10
    # γ = (3 + 1) / (6 · 1 + 4 · 0.5) = 0.5, whatever the ways of the two places
    assert value(logged, ["1", "0"])[0] == [pytest.approx(0.25)]


def test_what_was_never_shown_is_unknown_and_worth_nothing() -> None:
    logged = displays([(0, 0, 1, 1, 1), (1, 1, 1, 1, 1)])
    clicks, unknown = value(logged, ["5", "0", "stranger"], ["0", "1"])
    assert clicks == [pytest.approx(0.5), pytest.approx(0.5)]
    # known are the looks at the second places, 0.5 + 0.5 of 1.75 + 1.5
    assert unknown == pytest.approx(1 - 1 / 3.25)
    assert value(displays([]))[1] == 0.0


def test_no_click_counts_for_more_than_ten() -> None:
    logged = displays([(0, 0, 3, 1, 1)])
    logged.lists[0] = 20
    # of 20 searches it was seen in one, by a quarter: 20 / 0.25 = 80 at the first place; 10 / 20
    assert value(logged, ["0"])[0] == [pytest.approx(0.5)]


def test_versions_are_compared_over_searches_not_requests() -> None:
    logged = displays([(0, 0, 1, 9, 9), (0, 1, 2, 9, 0), (1, 0, 1, 1, 0), (1, 1, 2, 1, 1)])
    logged.lists[:] = (9, 1)
    live = [["0", "1"], ["0", "1"]]
    found = compare(logged, [["0", "1"], ["1", "0"]], live, versions=("new", "old"))
    # live: (9 + 1) / 10; new: (9 + 2) / 10, the click behind the second place counts twice
    assert found.examination.is_assumed
    assert (found.live.estimate, found.clicks.estimate) == (1.0, pytest.approx(1.1))
    assert found.relative.estimate == pytest.approx(1.1)
    assert (found.searches, found.requests, found.logged_clicks) == (10, 2, 10)
    assert (found.says_enough, found.failed, found.unknown) == (False, 0, pytest.approx(0.0))


def test_an_interval_is_over_requests_drawn_again() -> None:
    clicked = np.random.default_rng(1).integers(0, 3, 400)
    logged = displays([(n, 0, 1, 2, int(clicks)) for n, clicks in enumerate(clicked)])
    logged.lists[:] = 2
    valuation, moved = Valuation(logged), Moved.of(logged)
    first = valuation.placed(np.zeros((400, 1), np.int64))
    clicks, live, relative = estimates(logged, valuation, moved, (first, first))
    mean, error = clicked.mean() / 2, clicked.std() / 2 / 20
    assert clicks.estimate == pytest.approx(mean)
    # 400 draws tell a standard deviation to 3.5 % and a mean to 5 % of it
    assert (clicks.high - clicks.low) / 2 == pytest.approx(1.96 * error, rel=0.12)
    assert (clicks.high + clicks.low) / 2 == pytest.approx(mean, abs=0.2 * error)
    assert live == clicks
    assert (relative.low, relative.estimate, relative.high) == (1.0, 1.0, 1.0)


def test_nothing_logged_is_nothing_judged() -> None:
    found = compare(displays([]), [], [], versions=("new", "old"))
    assert (found.clicks.estimate, found.relative.high, found.says_enough) == (0.0, 0.0, False)


def test_requests_are_asked_again_as_they_were(sample_snapshot: Snapshot) -> None:
    asked = ['{"q": "space travel"}', '{"q": "love", "filters": {"nothing": 1}}',
             '{"q": "love", "profile": "tuned"}', '{"q": "love", "profile": "gone"}']  # fmt: skip
    found = rank_again(sample_snapshot, asked)
    first = ask(sample_snapshot, SearchQuery(q="space travel"))
    third = ask(sample_snapshot, SearchQuery(q="love", profile="tuned"))
    assert found == [
        [str(one.item_id) for one in first.results], [],
        [str(one.item_id) for one in third.results], [],
    ]  # fmt: skip
