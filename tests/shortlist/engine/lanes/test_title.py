"""The title lane: what is spelled like the query is found, what is not is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from indexing.titles import all_variants
from shortlist.bundle import all_titles
from shortlist.bundle.all_titles import AllTitles, part_of
from shortlist.bundle.sections import title_index
from shortlist.bundle.sections.title_index import read_titles, write_titles
from shortlist.engine.features import Matches
from shortlist.engine.lanes.title import match_titles

TITLES = [
    "Matrix, The (1999)",
    "Toy Story (1995)",
    "Toy Story 2 (1999)",
    "Roots",
    "Robots (2005)",
    "Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)",
    "Lord of the Rings: The Fellowship of the Ring, The (2001)",
    "Up",
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> AllTitles:
    folder = tmp_path_factory.mktemp("titles")
    write_titles(folder, *all_variants(TITLES))
    return AllTitles((part_of(read_titles(folder, n_items=len(TITLES))),))


def whole(matches: Matches) -> dict[int, float]:
    pairs = zip(matches.rows.tolist(), matches.values["title_match"].tolist(), strict=True)
    return {row: round(value, 3) for row, value in pairs if value}


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("The Matrix", 0),
        ("matrix", 0),
        ("THE MATRIX!", 0),
        ("the matrix 1999", 0),
        ("amélie", 5),
        ("le fabuleux destin d'amelie poulain", 5),
        ("the fellowship of the ring", 6),
        ("up", 7),
    ],
)
def test_a_title_as_people_write_it_matches_wholly(index: AllTitles, text: str, row: int) -> None:
    assert whole(match_titles(index, text))[row] == 1.0


@pytest.mark.parametrize("text", ["the matirx", "the mtrix", "the maatrix", "the natrix"])
def test_one_mistake_in_a_misspelt_title_costs_a_letter(index: AllTitles, text: str) -> None:
    found = whole(match_titles(index, text))
    # one mistake in 10 letters or 11: (1 - 1/10 - 0.65) / 0.35 = 0.714, (1 - 1/11 - ...) = 0.740
    assert found[0] in {0.714, 0.74}
    assert max(found, key=found.__getitem__) == 0


def test_a_word_spelled_right_is_not_taken_for_another(index: AllTitles) -> None:
    assert set(whole(match_titles(index, "robots"))) == {4}
    assert set(whole(match_titles(index, "roots"))) == {3}


def test_shared_words_count_for_a_query_spelled_right(index: AllTitles) -> None:
    # {toy, story} and {toy, story, 2}: 2·2 / (2+3) = 0.8; (0.8 - 0.65) / 0.35 = 0.429
    assert whole(match_titles(index, "toy story")) == {1: 1.0, 2: 0.429}


def test_a_beginning_counts_with_the_root_of_the_share_typed(index: AllTitles) -> None:
    matches = match_titles(index, "toy sto")
    # "sto" is no word: letter by letter; 7 of 9 letters: sqrt(7/9) = 0.882 -> 0.663
    assert matches.at(np.array([1]), "title_prefix")[0] == pytest.approx(0.663, abs=1e-3)


def test_one_word_spelled_right_is_no_beginning(index: AllTitles) -> None:
    matches = match_titles(index, "toy")
    assert matches.at(np.array([1, 2]), "title_prefix").tolist() == [0.0, 0.0]


@pytest.mark.parametrize("text", ["", "   ", "?!", "a film about nothing in particular", "漢字"])
def test_what_is_no_title_matches_nothing(index: AllTitles, text: str) -> None:
    assert not len(match_titles(index, text).rows)


def test_rows_rise_and_values_stay_between_0_and_1(index: AllTitles) -> None:
    for text in [*TITLES, "story", "the", "x" * 1000, "to story 2"]:
        matches = match_titles(index, text)
        assert np.all(np.diff(matches.rows) > 0)
        for values in matches.values.values():
            assert np.all((values >= 0) & (values <= 1))


def test_rows_that_do_not_match_have_0(index: AllTitles) -> None:
    matches = match_titles(index, "up")
    assert matches.at(np.array([7, 0, 7]), "title_match").tolist() == [1.0, 0.0, 1.0]


def test_a_large_index_is_searched_alike(index: AllTitles, monkeypatch: pytest.MonkeyPatch) -> None:
    small = [match_titles(index, text) for text in TITLES]
    monkeypatch.setattr(title_index, "_DENSE_UP_TO", 1)
    for one, text in zip(small, TITLES, strict=True):
        other = match_titles(index, text)
        assert other.rows.tolist() == one.rows.tolist()
        assert other.values["title_match"].tolist() == one.values["title_match"].tolist()


def test_the_postings_looked_at_are_bounded(
    index: AllTitles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_titles, "MAX_POSTINGS", 3)
    assert whole(match_titles(index, "amelie"))[5] == 1.0, "rare trigrams come first"
