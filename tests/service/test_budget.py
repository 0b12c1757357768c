"""Large requests are admitted by what they cost, small ones always."""

from __future__ import annotations

import pytest

from service.budget import LIGHT, Budget
from shortlist.engine.cost import cost_of
from shortlist.engine.query import PopularQuery, Query, RecommendQuery, SearchQuery, SimilarQuery
from shortlist.errors import InvalidParameter, Overloaded


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        (SearchQuery(q="x" * 40), 22 + 5),
        (SearchQuery(q="x" * 1000), 256 + 5),
        (SearchQuery(q="x" * 40, k=100), 22 + 50),
        (SearchQuery(q="x" * 40, k=100, explain=True), 22 + 100),
        (SearchQuery(q="x" * 40, k=100, cursor="c"), 50),
        (SearchQuery(q="", k=100), 50),
        (SimilarQuery(item_id=1), 5),
        (RecommendQuery(liked=(1,), text="x" * 40), 22 + 5),
        (PopularQuery(k=1000), 500),
    ],
)
def test_a_query_costs_its_text_and_its_results(query: Query, cost: float) -> None:
    assert cost_of(query) == cost


def of(cost: int) -> list[Query]:
    """Queries that cost so much together."""
    return [PopularQuery(k=2)] * cost


def test_what_others_have_spent_is_not_there_and_comes_back() -> None:
    budget = Budget(2000)
    with budget.spent_on(of(1500)):
        with pytest.raises(Overloaded), budget.spent_on(of(700)):
            pass
        with budget.spent_on(of(int(LIGHT))):
            pass  # a small one is never refused
    with pytest.raises(ZeroDivisionError), budget.spent_on(of(2000)):
        raise ZeroDivisionError
    with budget.spent_on(of(2000)):
        pass


def test_what_is_held_by_its_size_is_given_back_too() -> None:
    budget = Budget(100)
    with budget.held(60):
        with pytest.raises(Overloaded), budget.held(41):
            pass
        with budget.held(40), budget.held(0):
            pass
    with budget.held(100):
        pass


def test_what_costs_more_than_there_is_can_never_be_answered() -> None:
    refused = pytest.raises(InvalidParameter, match="at most 2000 in all, found about 2001")
    with refused, Budget(2000).spent_on(of(2001)):
        pass
