"""Folding: what is typed on another keyboard reads the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ("नई दिल्ली", "नई दिलली"),  # vowel signs stay, marks over letters go
        ("ภาษาไทยที่นี่", "ภาษาไทยทีนี"),
        ("❤️ 1️⃣", "1"),
        ("?!", ""),
    ],
)
def test_folding_leaves_letters_digits_and_single_blanks(text: str, expected: str) -> None:
    assert fold(text) == expected


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_plain_texts_are_folded_by_the_same_rule(text: str) -> None:
    assert fold(text) == fold(f"{text} é").removesuffix("e").rstrip()
