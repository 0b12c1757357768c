"""Titles as written to titles as typed."""

from __future__ import annotations

import random

import pytest

from indexing.titles import all_variants, main_title, title_variants, without_year


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Heat (1995)", "Heat"),
        ("Doctor Who (2005–2010)", "Doctor Who"),
        ("Doctor Who (2005-)", "Doctor Who"),
        ("2012", "2012"),
        ("Blade Runner 2049", "Blade Runner 2049"),
        ("(2000)", "(2000)"),
    ],
)
def test_a_year_in_parentheses_is_left_out(title: str, expected: str) -> None:
    assert without_year(title) == expected


def test_the_main_title_is_what_a_person_types() -> None:
    assert main_title("Usual Suspects, The (1995)") == "The Usual Suspects"
    assert main_title("Seven (a.k.a. Se7en) (1995)") == "Seven"
    assert main_title("(500) Days of Summer (2009)") == "(500) Days of Summer"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Heat (1995)", ["Heat", "Heat 1995"]),
        ("Matrix, The (1999)", ["The Matrix", "Matrix", "The Matrix 1999"]),
        ("Seven (a.k.a. Se7en) (1995)", ["Seven", "Seven 1995", "Se7en"]),
        ("Alien: Covenant", ["Alien: Covenant"]),
        (
            "Star Wars: Episode V - The Empire Strikes Back (1980)",
            [
                "Star Wars: Episode V - The Empire Strikes Back",
                "Star Wars: Episode V - The Empire Strikes Back 1980",
                "The Empire Strikes Back",
            ],
        ),
        ("???", ["???"]),
        ("", []),
    ],
)
def test_an_item_goes_by_several_titles(title: str, expected: list[str]) -> None:
    assert title_variants(title) == expected


def test_titles_that_read_alike_stand_once() -> None:
    assert title_variants("Amélie", ["AMELIE", "Le Fabuleux Destin"]) == [
        "Amélie",
        "Le Fabuleux Destin",
    ]


def test_rows_of_variants_rise() -> None:
    shown, rows = all_variants(["Heat (1995)", "", "Up"], [[], ["Nameless"], []])
    assert shown.to_pylist() == ["Heat", "Heat 1995", "Nameless", "Up"]
    assert rows.tolist() == [0, 0, 1, 2]


PIECES = (
    "The", "the", "A", "a ", "an", "Matrix", "(1995)", "(2005-)", "(2005–2010)", "(", "l'", " ",
    ",", ", The", ", l'", ", L'", ", Die", ":", ": ", " - ", " – ", "Story", "II", "-", "?", "'",
    "\u00a0", "\n", "\x1f", "\u2003", "  ", "1999", "(a.k.a. X)", "Ünder", "(١٩٩٥)", ", Aſ", "K",
)  # fmt: skip


def test_titles_at_once_have_the_variants_of_each() -> None:
    rng = random.Random(1)
    titles = [
        "".join(
            rng.choice(["", "", " "]) + piece for piece in rng.choices(PIECES, k=rng.randint(0, 6))
        )
        for _ in range(5000)
    ]
    others = [["Other"] if rng.random() < 0.1 else [] for _ in titles]
    expected = [
        (row, text)
        for row, (title, more) in enumerate(zip(titles, others, strict=True))
        for text in title_variants(title, more)
    ]
    shown, rows = all_variants(titles, others)
    assert list(zip(rows.tolist(), shown.to_pylist(), strict=True)) == expected


@pytest.mark.parametrize("titles", [[], [""], ["Up"], ["(a) (b)"]])
def test_few_titles_have_their_variants_too(titles: list[str]) -> None:
    shown, _ = all_variants(titles)
    assert shown.to_pylist() == [text for title in titles for text in title_variants(title)]
