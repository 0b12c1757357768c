"""The words lane: which documents have the words of a text, compared with plain Python."""

from __future__ import annotations

import math
import re

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexing.words import index_words
from shortlist.bundle.all_words import AllWords
from shortlist.engine.lanes import words as lane
from shortlist.engine.lanes.asked import ask_words
from shortlist.engine.lanes.phrases import rows_with
from shortlist.engine.lanes.words import fields_with, find_words, score_words
from tests.fields import in_order, lists, one_each

ALPHABET = "abcd"
texts = st.lists(st.sampled_from(ALPHABET), max_size=8).map(" ".join)


def indexed(documents: list[str], language: str = "none") -> AllWords:
    fields = {"title": one_each(documents)}
    return in_order(index_words(fields, range(len(documents)), language=language))


FILMS = [
    "Space Opera in space",
    "A film about the space race",
    "Opera at the opera",
    "Pump X-200 with valve",
    "X200 spare valve",
    "X 200",
    "Wi-Fi router",
    "The war of the worlds",
]


def found(text: str, documents: list[str] = FILMS, language: str = "english") -> list[int]:
    index = indexed(documents, language)
    return find_words(index, ask_words(index, text), 100, None).tolist()


def test_documents_with_the_words_come_best_first() -> None:
    assert found("space opera")[0] == 0
    assert set(found("space opera")) == {0, 1, 2}


def test_words_that_do_not_inform_bring_no_candidates_unless_there_are_no_others() -> None:
    assert found("the war") == [7]
    assert set(found("of the")) == {1, 2, 7}


@pytest.mark.parametrize("text", ["x200", "X-200", "x-200."])
def test_a_part_number_is_found_however_it_is_written(text: str) -> None:
    assert {3, 4} <= set(found(text))
    assert found("wifi") == [6] and found("wi-fi") == [6]


def test_stems_are_found_and_without_a_language_they_are_not() -> None:
    assert found("wars") == [7]
    assert found("wars", language="none") == []


def test_a_text_without_known_words_finds_nothing() -> None:
    assert found("") == found("?!") == found("xyzzy") == []


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, min_size=1, max_size=12), texts)
def test_scores_are_those_of_bm25_over_the_most_that_is_possible(
    documents: list[str], text: str
) -> None:
    index = indexed(documents)
    asked = ask_words(index, text)
    said = score_words(index, asked, np.arange(len(documents)))
    lengths = [len(one.split()) for one in documents]
    mean = max(sum(lengths) / len(lengths), 1e-9)
    wanted = list(dict.fromkeys(text.split()))
    n_having = {word: sum(word in one.split() for one in documents) for word in wanted}
    rarity = {
        word: math.log1p((len(documents) - n + 0.5) / (n + 0.5)) for word, n in n_having.items()
    }
    for document, length, words, coverage in zip(
        documents, lengths, said["words"], said["coverage"], strict=True
    ):
        norm = 1.5 * (0.25 + 0.75 * length / mean)
        parts = document.split()
        sums = sum(rarity[word] * (c := parts.count(word)) / (c + norm) for word in wanted)
        assert words == pytest.approx(sums / max(sum(rarity.values()), 1e-12), abs=1e-6)
        share = sum(word in parts for word in wanted) / max(1, len(wanted))
        assert coverage == pytest.approx(share)
        assert 0 <= words <= 1


def test_the_order_is_that_of_bm25s() -> None:
    rng = np.random.default_rng(5)
    vocabulary = [f"w{number}" for number in range(200)]
    documents = [" ".join(rng.choice(vocabulary, rng.integers(3, 40))) for _ in range(500)]
    index = indexed(documents)
    reference = bm25s.BM25()
    reference.index([one.split() for one in documents], show_progress=False)
    for _ in range(30):
        text = " ".join(rng.choice(vocabulary, 3, replace=False))
        asked = ask_words(index, text)
        scores = reference.get_scores(text.split())
        ours = score_words(index, asked, np.arange(500))["words"]
        np.testing.assert_allclose(ours * asked.rarities.sum(), scores, rtol=1e-4)
        assert find_words(index, asked, 10, None)[0] == int(np.argmax(scores))


def test_common_words_are_read_for_the_shortest_documents_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane, "MOST_POSTED", 50)
    monkeypatch.setattr(lane, "_LEAST_READ", 10)
    documents = [f"common {'filler ' * (number % 20)}" for number in range(400)]
    documents[371] += " rare"
    index = indexed(documents)
    best = find_words(index, ask_words(index, "common"), 5, None)
    assert [len(documents[row].split()) for row in best] == [1] * 5
    assert find_words(index, ask_words(index, "common rare"), 5, None)[0] == 371


def test_of_a_common_word_the_shortest_that_are_allowed_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane, "MOST_POSTED", 50)
    monkeypatch.setattr(lane, "_LEAST_READ", 10)
    monkeypatch.setattr(lane, "_BLOCK", 16)
    documents = [f"common {'filler ' * (number % 20)}" for number in range(400)]
    index = indexed(documents)
    allowed = np.arange(400) % 20 >= 7  # the shortest begin behind 140 others
    allowed[[27, 47]] = False
    best = find_words(index, ask_words(index, "common"), 20, allowed).tolist()
    assert best == [row for row in range(7, 400, 20) if row not in (27, 47)] + [8, 28]


def test_only_what_is_allowed_is_found() -> None:
    index = indexed(FILMS, "english")
    allowed = np.zeros(len(FILMS), dtype=np.bool_)
    allowed[[1, 7]] = True
    assert find_words(index, ask_words(index, "space opera"), 100, allowed).tolist() == [1]


def test_coverage_takes_a_compound_written_together_for_its_parts() -> None:
    index = indexed(FILMS, "english")
    said = score_words(index, ask_words(index, "x-200 valve"), np.array([5, 4, 3]))
    assert said["coverage"].tolist() == pytest.approx([2 / 3, 1.0, 1.0])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(texts, max_size=3), min_size=1, max_size=8),
    st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=3).map(" ".join),
)
def test_a_phrase_occurs_within_one_value_of_a_field(values: list[list[str]], phrase: str) -> None:
    index = in_order(index_words({"tags": lists(values)}, range(len(values)), language="none"))
    pattern = re.compile(rf"\b{phrase}\b")
    expected = [row for row, own in enumerate(values) if any(map(pattern.search, own))]
    assert rows_with(index, phrase).tolist() == expected


def test_a_phrase_of_one_compound_is_found_in_both_spellings() -> None:
    index = indexed(FILMS, "english")
    assert rows_with(index, "x-200").tolist() == [3, 4, 5]
    assert rows_with(index, "nothing like it").tolist() == []


def test_highlights_name_the_field_and_the_words_as_they_were_written() -> None:
    fields = {
        "title": one_each(["Space opera", "Other"]),
        "tags": lists([["operas", "wars in space"], []]),
    }
    index = in_order(index_words(fields, range(2), language="english"))
    shown = fields_with(index, ask_words(index, "The OPERAS of Space"), np.array([1, 0]))
    assert shown[0] == {}
    assert {field: set(words) for field, words in shown[1].items()} == {
        "title": {"OPERAS", "Space"},
        "tags": {"OPERAS", "Space"},
    }


def test_a_word_said_again_and_again_is_looked_up_once() -> None:
    said = ["the cat", "the the cat", "the the the"]
    index = in_order(index_words({"tags": one_each(said)}, range(len(said)), language="none"))
    assert rows_with(index, "the the").tolist() == [1, 2]
    assert rows_with(index, "the " * 4).tolist() == []
