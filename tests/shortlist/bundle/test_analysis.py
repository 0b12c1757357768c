"""Words as an index holds them: folded, stemmed, compounds also together."""

from __future__ import annotations

import numpy as np
import pytest

from shortlist.bundle import analysis
from shortlist.bundle.analysis import LANGUAGES, Analyzer, analyzer, code_of


def stems(text: str, language: str = "english") -> list[tuple[str, ...]]:
    return [word.stems for word in analyzer(language).words(text)]


def test_words_are_folded_and_stemmed() -> None:
    assert stems("Running HORROR movies") == [("run",), ("horror",), ("movi",)]
    assert stems("Amélie Café") == [("ameli",), ("cafe",)]


def test_without_a_language_words_stay_as_they_are() -> None:
    assert stems("Running movies", "none") == [("running",), ("movies",)]


def test_a_compound_is_held_by_its_parts_and_as_one_word() -> None:
    assert stems("X-200") == [("x", "200", "x200")]
    assert stems("AC/DC 3.5", "none") == [("ac", "dc", "acdc"), ("3", "5", "35")]
    assert stems("a-1-b-2-c") == [("a", "1", "b", "2", "c")]  # too many to be a name


def test_where_articles_are_written_together_with_words_an_apostrophe_parts_them() -> None:
    assert stems("L'été d’amour", "french") == [("l",), ("ete",), ("d",), ("amour",)]
    assert stems("dell'arte", "italian") == [("dell",), ("arte",)]
    assert stems("don't") == [("dont",)]
    for language, article in (("french", "l"), ("french", "d"), ("italian", "dell")):
        assert not analyzer(language).informs(analyzer(language).stem(article))


def test_words_whose_vowels_are_marks_are_stemmed_whole() -> None:
    assert stems("किताब", "hindi") == stems("किताबें", "hindi") == [("किताब",)]


def test_numbers_and_short_words_are_kept_as_they_are() -> None:
    assert stems("7 up 1984s") == [("7",), ("up",), ("1984s",)]


def test_what_has_no_letter_or_digit_is_no_word() -> None:
    assert stems(" - … ?! ") == []


@pytest.mark.parametrize(
    ("language", "word", "says"),
    [("english", "the", False), ("english", "war", True), ("german", "und", False),
     ("polish", "nie", False), ("none", "the", True), ("finnish", "ja", True)],
)  # fmt: skip
def test_words_that_hold_sentences_together_do_not_inform(
    language: str, word: str, says: bool
) -> None:
    parted = analyzer(language)
    assert parted.informs(parted.stem(word)) is says


def test_every_language_stems() -> None:
    assert "none" in LANGUAGES and "english" in LANGUAGES
    for language in LANGUAGES:
        assert analyzer(language).words("Häuser running 42")[-1].stems == ("42",)


def test_codes_differ() -> None:
    assert len({code_of(str(number)) for number in range(10_000)}) == 10_000
    assert 0 <= code_of("a") < np.iinfo(np.uint64).max


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "_MOST_KEPT", 10)
    parted = Analyzer("none")
    for number in range(25):
        assert parted.words(f"w{number} {'long' * 100}{number}")[0].parts == (f"w{number}",)
    assert len(parted._known) <= 10
    assert max(map(len, parted._known)) <= 32
