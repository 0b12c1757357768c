"""A text's signs: what must occur, what must not, what is left to look for."""

from __future__ import annotations

import pytest

from shortlist.engine.conditions import MAX_PHRASES, Filters, Phrases
from shortlist.engine.question import Question, read_question


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("space opera", Question("space opera")),
        ('"space opera" films', Question("space opera films", ("space opera",))),
        ("“space opera”", Question("space opera", ("space opera",))),
        ("comedy -romance", Question("comedy", (), ("romance",))),
        ('comedy -"new york"', Question("comedy", (), ("new york",))),
        ("spider-man - the movie", Question("spider-man - the movie")),
        ("-romance", Question("", (), ("romance",))),
        ('12" vinyl', Question('12" vinyl')),
        ('a "" b', Question('a "" b')),
        ('say "?!"', Question('say "?!"')),
        ("  two  blanks ", Question("  two  blanks ")),
        ("x -y-z", Question("x", (), ("y-z",))),
    ],
)
def test_signs_are_read_and_the_rest_is_left(text: str, expected: Question) -> None:
    assert read_question(text) == expected


def test_more_signs_than_are_looked_up_stay_in_the_text() -> None:
    found = read_question(" ".join(f"-w{number}" for number in range(20)))
    assert len(found.excluded) == MAX_PHRASES
    assert found.text.split() == ["-w16", "-w17", "-w18", "-w19"]


def test_what_a_text_asks_for_joins_the_filters() -> None:
    filters = Filters(words=Phrases(all=("a",)), min_rating_count=3)
    joined = read_question('"b c" d -e').within(filters)
    assert (joined.words.all, joined.words.none) == (("a", "b c"), ("e",))
    assert joined.min_rating_count == 3 and bool(joined)
    assert read_question("plain").within(filters) is filters
