"""Titles with their article at the end are written as people write them."""

from __future__ import annotations

import pytest

from shortlist.bundle.articles import article_first, written


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Matrix, The", "The Matrix"),
        ("Avventura, L'", "L'Avventura"),
        ("Cité des enfants perdus, La", "La Cité des enfants perdus"),
        ("Crime, Punishment", "Crime, Punishment"),
        ("The", "The"),
    ],
)
def test_a_trailing_article_comes_first(title: str, expected: str) -> None:
    assert article_first(title) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Wild Robot, The (2024)", "The Wild Robot (2024)"),
        ("Avventura, L' (Adventure, The) (1960)", "L'Avventura (The Adventure) (1960)"),
        ("Good, the Bad and the Ugly, The (1966)", "The Good, the Bad and the Ugly (1966)"),
        ("Chien Andalou, Un", "Un Chien Andalou"),
        ("(500) Days of Summer (2009)", "(500) Days of Summer (2009)"),
        ("Vitamin, a", "Vitamin, a"),
        ("Salt, Pepper (Mill, The)", "Salt, Pepper (The Mill)"),
        ("Whetstone 1000/3000", "Whetstone 1000/3000"),
        ("", ""),
    ],
)
def test_it_does_so_in_parentheses_too_where_a_capital_letter_begins_it(
    title: str, expected: str
) -> None:
    assert written(title) == expected


def test_a_long_title_takes_no_time_squared() -> None:
    long = ", And then (" * 20_000
    assert written(long) == long
