"""Logged answers as wins, losses and clicks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from indexing.comparing.outcomes import Collected, rates_of, sign_test, wins_of
from shortlist.events.event import EventType
from shortlist.events.logged import LoggedQuery
from tests.event_stores import answer, event


def clicks(query_id: str, *items: str, kind: EventType = EventType.CLICK) -> tuple[Any, ...]:
    return tuple(
        replace(event(f"{query_id}-{item}"), type=kind, item_id=item, query_id=query_id)
        for item in items
    )


def drafted(query_id: str, *clicked: str, teams: str = "A-B", **more: Any) -> LoggedQuery:
    """7 is the control's, 8 nobody's, 9 the candidate's."""
    outcomes = more.pop("outcomes", clicks(query_id, *clicked))
    return answer(query_id, teams=teams, experiment="x", outcomes=outcomes, **more)


def test_a_list_is_won_by_the_team_with_more_clicked_items() -> None:
    collected = Collected()
    collected.add([drafted("a", "9"), drafted("b", "7"), drafted("c", "7", "9"), drafted("d", "8")])
    collected.add([drafted("e"), drafted("f", "7", "8", "9", teams="BAB"), drafted("g", "9", "9")])
    found = wins_of(collected.drafted)
    # a, f and g are won, b is lost, c and d are clicked and decided for neither, e is not clicked
    assert (found.lists, found.clicked) == (7, 6)
    assert (found.wins, found.losses, found.ties) == (3, 1, 2)
    assert found.share is not None
    assert (found.share.estimate, found.share.verdict) == (0.75, "too little")


def test_only_events_that_say_it_was_worth_it_count_and_only_of_what_was_shown() -> None:
    collected = Collected()
    for number, kind in enumerate(EventType):
        collected.add([drafted(str(number), outcomes=clicks(str(number), "9", kind=kind))])
    collected.add([drafted("elsewhere", "5")])
    found = wins_of(collected.drafted)
    assert (found.wins, found.losses) == (3, 0)  # click, like, purchase


def test_a_user_counts_once_else_a_session_else_each_list() -> None:
    collected = Collected()
    collected.add([
        drafted("a", user="u", session="s"), drafted("b", user="u", session="t"),
        drafted("c", session="s"), drafted("d", session="s"), drafted("e"), drafted("f"),
    ])  # fmt: skip
    assert collected.drafted.people.tolist() == [0, 0, 1, 1, 2, 3]


def test_searches_apart_are_shares_with_a_click_by_side() -> None:
    collected = Collected()
    for number in range(8):
        outcomes = clicks(str(number), "7", "8") if number in {0, 1, 2, 4} else ()
        variant = "candidate" if number < 4 else "control"
        collected.add([answer(str(number), variant=variant, outcomes=outcomes)])
    found = rates_of(collected.apart)
    assert (found.candidate.searches, found.candidate.clicked) == (4, 0.75)
    assert (found.control.searches, found.control.clicked) == (4, 0.25)
    assert found.difference is not None
    assert (found.difference.estimate, found.difference.verdict) == (0.5, "too little")


def test_of_nothing_nothing_is_said() -> None:
    nothing = Collected()
    assert wins_of(nothing.drafted).share is None
    found = rates_of(nothing.apart)
    assert (found.difference, found.control.clicked) == (None, None)


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (8, 2, 2 * (1 + 10 + 45) / 1024)],
)
def test_the_sign_test_counts_coins(wins: int, losses: int, p: float) -> None:
    assert sign_test(wins, losses) == pytest.approx(p)
    assert sign_test(losses, wins) == sign_test(wins, losses)


def test_the_sign_test_of_many_is_finite() -> None:
    assert 0 < sign_test(5100, 4900) < 0.05
    assert math.isfinite(sign_test(100_000, 1))
