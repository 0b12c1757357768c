"""Folding: what is typed on another keyboard reads the same."""

from __future__ import annotations

import pytest

from shortlist.bundle.folding import fold


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Amélie", "amelie"),
        ("AMÉLIE", "amelie"),
        ("WALL·E", "wall e"),
        ("Schindler's List", "schindlers list"),
        ("Fast & Furious", "fast and furious"),
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("SMØRREBRØD", "smorrebrod"),
        ("Đorđe", "dorde"),
        ("Işık", "isik"),
        ("Þór Ægir", "thor aegir"),
        ("  A   b  ", "a b"),
        ("七人の侍", "七人の侍"),
        ("?!", ""),
    ],
)
def test_folding_leaves_letters_digits_and_single_blanks(text: str, expected: str) -> None:
    assert fold(text) == expected
