"""Words counted column by column are those that are met word by word."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexing import occurrences
from indexing.occurrences import Occurrences
from indexing.words import index_words
from shortlist.bundle.analysis import analyzer, code_of
from shortlist.bundle.arrays import Csr
from shortlist.bundle.sections.word_index import WordIndex
from tests.fields import lists, one_each

Documents = dict[str, list[list[str]]]
"""By field the values of each row."""

WORDS = (
    "space", "Spaces", "the", "running", "run", "X-200", "x200", "a-1-2-3-4", "Wi-Fi", "--", "&",
    "l'été", "dell'arte", "Łódź", "Straße", "हिन्दी", "ال-كتاب", "كتاب", "a-a", "\u00a0", "\x1f",
    "\u2003", "  ", "\x85", "\u200b", "don't", "ﬁn", "１２", "cat-s", "cats", "w" * 40,
)  # fmt: skip


def plainly(documents: Documents, language: str) -> WordIndex:
    """The index as its description has it, one word at a time."""
    words_of = analyzer(language).words
    n = len(next(iter(documents.values())))
    ends, lengths, starts = [0] * n, [0] * n, {}
    met: list[tuple[int, int, int]] = []
    for name, column in documents.items():
        starts[name] = list(ends)
        for row, values in enumerate(column):
            for value in values:
                for word in words_of(value):
                    for place, stem in enumerate(word.parts):
                        met.append((code_of(stem), row, ends[row] + place))
                    if word.joined:
                        met.append((code_of(word.joined), row, ends[row]))
                    ends[row] += len(word.parts)
                    lengths[row] += len(word.parts)
                ends[row] += 1
    return _as_index(met, starts, lengths, ends, language)


def _as_index(
    met: list[tuple[int, int, int]],
    starts: dict[str, list[int]],
    lengths: list[int],
    ends: list[int],
    language: str,
) -> WordIndex:
    rows = sorted(range(len(lengths)), key=lambda row: (lengths[row], row))
    number = {row: place for place, row in enumerate(rows)}
    codes = sorted({code for code, _, _ in met})
    found: dict[tuple[int, int], list[int]] = {}
    for code, row, place in sorted(met, key=lambda one: (one[0], number[one[1]], one[2])):
        found.setdefault((code, number[row]), []).append(min(place, 65_535))
    kind = np.uint8 if max(ends, default=0) <= 255 else np.uint16
    of_code = [sum(one[0] < code for one in found) for code in codes]
    repeats = [(place, at) for place, own in enumerate(found.values()) for at in own[1:]]
    return WordIndex(
        terms=np.array(codes, np.uint64),
        postings=_csr([*of_code, len(found)], [one[1] for one in found]),
        counts=np.array([min(255, len(own)) for own in found.values()], np.uint8),
        first=np.array([own[0] for own in found.values()], kind),
        repeated=np.array([place for place, _ in repeats], np.int32),
        repeats=np.array([at for _, at in repeats], kind),
        rows=np.array(rows, np.int32),
        numbers=np.array([number[row] for row in range(len(rows))], np.int32),
        lengths=np.array([min(65_535, lengths[row]) for row in rows], np.uint16),
        starts={n: np.array([min(65_535, s[r]) for r in rows], kind) for n, s in starts.items()},
        language=language,
    )


def _csr(offsets: list[int], documents: list[int]) -> Csr:
    return Csr(np.array(offsets, np.int64), np.array(documents, np.int32))


def same(found: WordIndex, expected: WordIndex) -> None:
    """Every array has the same values and the same type."""
    for name in ("terms", "counts", "first", "repeated", "repeats", "rows", "numbers", "lengths"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other, err_msg=name)
    for one, other in (
        (found.postings.offsets, expected.postings.offsets),
        (found.postings.indices, expected.postings.indices),
        *zip(found.starts.values(), expected.starts.values(), strict=True),
    ):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert list(found.starts) == list(expected.starts)


def indexed(documents: Documents, language: str) -> WordIndex:
    fields = {name: lists(column) for name, column in documents.items()}
    n_rows = len(next(iter(documents.values())))
    return index_words(fields, range(n_rows), language=language)


def texts(rng: random.Random, n: int) -> list[str]:
    return [" ".join(rng.choices(WORDS, k=rng.randint(0, 6))) for _ in range(n)]


@pytest.mark.parametrize("language", ["none", "english", "french", "arabic"])
@pytest.mark.parametrize("block", [1, 7, 16_384])
def test_an_index_is_what_counting_word_by_word_gives(
    monkeypatch: pytest.MonkeyPatch, language: str, block: int
) -> None:
    monkeypatch.setattr(occurrences, "_BLOCK_ROWS", block)
    rng = random.Random(11)
    documents = {
        "title": [[text] for text in texts(rng, 60)],
        "tags": [texts(rng, rng.randint(0, 4)) for _ in range(60)],
        "text": [[" ".join(texts(rng, 12))] for _ in range(60)],
    }
    same(indexed(documents, language), plainly(documents, language))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(max_size=12), max_size=3), min_size=1, max_size=5))
def test_any_text_is_parted_as_python_parts_it(column: list[list[str]]) -> None:
    documents = {"tags": column}
    same(indexed(documents, "english"), plainly(documents, "english"))


def test_positions_beyond_the_last_are_the_last() -> None:
    long = " ".join(f"w{number % 7}" for number in range(70_000))
    documents = {"title": [[long], ["w1"]], "tags": [["w3 w1"], []]}
    same(indexed(documents, "none"), plainly(documents, "none"))


def test_some_rows_are_an_index_of_their_own() -> None:
    rng = random.Random(3)
    column = [texts(rng, 2) for _ in range(20)]
    rows: Sequence[int] = [17, 3, 4, 3]
    found = index_words({"tags": lists(column)}, rows, language="english")
    same(found, plainly({"tags": [column[row] for row in rows]}, "english"))


def test_a_sliced_column_is_read_from_its_own_beginning() -> None:
    column = [["one two"], ["three"], [], ["four one"], ["five"]]
    found = index_words({"tags": lists(column)[1:4]}, range(3), language="none")
    same(found, plainly({"tags": column[1:4]}, "none"))


def test_a_stem_is_written_in_one_way_whatever_the_order() -> None:
    fields = {"title": one_each(["Runs", "x-200"]), "tags": lists([["running"], ["X200", "Run"]])}
    met = Occurrences(fields, n_rows=2, language="english")
    words = index_words(fields, range(2), language="english")
    places = words.places(["run", "x200", "200"])
    assert met.written(places.astype(np.int32)) == ["Run", "X200", "x-200"]


def test_stop_words_do_not_inform() -> None:
    met = Occurrences({"title": one_each(["The wolf of"])}, n_rows=1, language="english")
    codes = sorted((code_of(stem), stem == "wolf") for stem in ("the", "wolf", "of"))
    assert met.informing().tolist() == [informs for _, informs in codes]
