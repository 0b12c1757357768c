"""The word section: what is written is read again, and files that do not fit are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from indexing.words import index_words
from shortlist.bundle.arrays import read_arrow, write_arrow
from shortlist.bundle.sections import word_index
from shortlist.bundle.sections.word_index import WordIndex, read_words, write_words
from shortlist.errors import BundleCorrupt
from tests.fields import in_order, lists, one_each

DOCUMENTS = [
    ("Space space opera", ["war in space"]),
    ("Opera", []),
    ("", []),
    ("A long story of a war", ["slow", "long"]),
]


def indexed(language: str = "english") -> WordIndex:
    fields = {
        "title": one_each([title for title, _ in DOCUMENTS]),
        "tags": lists([tags for _, tags in DOCUMENTS]),
    }
    return index_words(fields, range(len(DOCUMENTS)), language=language)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_words(tmp_path, indexed())
    return tmp_path


def test_what_is_written_is_read_again(folder: Path) -> None:
    read, made = read_words(folder, n_items=4), indexed()
    for name, values in vars(made).items():
        if isinstance(values, np.ndarray):
            np.testing.assert_array_equal(getattr(read, name), values)
    assert read.language == "english"
    assert list(read.starts) == ["title", "tags"]


def test_documents_are_numbered_by_length() -> None:
    words = indexed()
    assert words.lengths.tolist() == [0, 1, 6, 8]
    assert words.rows.tolist() == [2, 1, 0, 3]
    assert words.numbers[words.rows].tolist() == [0, 1, 2, 3]


def test_postings_say_how_often_and_where() -> None:
    words = indexed()
    (place,) = words.places(["space"]).tolist()
    posting = words.postings_at(place, words.numbers[np.array([0, 1])])
    assert (posting >= 0).tolist() == [True, False]
    assert words.counts[posting[0]] == 3
    which, positions = words.positions(posting[:1])
    assert which.tolist() == [0, 0, 0]
    # three words of the title, one left out between fields, then the tag
    assert sorted(positions.tolist()) == [0, 1, 6]
    assert words.places(["nowhere"]).tolist() == [-1]


def test_a_word_of_no_document_is_the_rarest() -> None:
    words = in_order(indexed())
    rarities = words.rarities(words.counts(words.terms(["nowhere", "slow", "opera"]))).tolist()
    assert rarities == sorted(rarities, reverse=True)
    assert rarities[1] == pytest.approx(np.log1p((4 - 1 + 0.5) / 1.5))


def test_an_index_of_blank_documents_holds_nothing(tmp_path: Path) -> None:
    empty = index_words({"title": one_each([""] * 3)}, range(3), language="none")
    write_words(tmp_path, empty)
    read = read_words(tmp_path, n_items=3)
    assert len(read.terms) == 0 and read.places(["a"]).tolist() == [-1]


def test_long_documents_have_wide_positions(tmp_path: Path) -> None:
    text = " ".join(f"w{number}" for number in range(300))
    words = index_words({"title": one_each([text])}, range(1), language="none")
    write_words(tmp_path, words)
    assert read_words(tmp_path, n_items=1).first.dtype == np.uint16


def spoil(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        np.save(folder / name, change(np.load(folder / name)))

    return do


def spoil_column(name: str, change: Callable[[list[Any]], list[Any]]) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        columns = {  # copied: the file that they are mapped from is written anew
            each: pa.array(values.to_pylist(), values.type)
            for each, values in read_arrow(folder / word_index.DOCUMENTS).items()
        }
        changed = pa.array(change(columns[name].to_pylist()), columns[name].type)
        write_arrow(folder / word_index.DOCUMENTS, pa.table({**columns, name: changed}))

    return do


def at(place: int, value: int) -> Callable[[np.ndarray], np.ndarray]:
    def put(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values[place] = value
        return values

    return put


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (spoil(word_index.TERMS, lambda each: each[::-1]), word_index.TERMS),
        (spoil(word_index.POSTINGS, at(0, 9)), word_index.POSTINGS),
        (spoil(word_index.POSTINGS, lambda each: each[:-1]), word_index.POSTINGS),
        (spoil(word_index.OFFSETS, at(1, 0)), word_index.OFFSETS),
        (spoil(word_index.COUNTS, at(0, 0)), word_index.COUNTS),
        (spoil(word_index.COUNTS, lambda each: each[1:]), word_index.COUNTS),
        (spoil(word_index.FIRST, lambda each: each[1:]), word_index.FIRST),
        (spoil(word_index.FIRST, lambda each: each.astype(np.uint16)), "first.npy"),
        (spoil(word_index.REPEATED, at(0, 1000)), word_index.REPEATED),
        (spoil(word_index.REPEATED, at(0, 12)), word_index.REPEATED),
        (spoil(word_index.REPEATS, lambda each: each[1:]), word_index.REPEATS),
        (spoil_column("row", lambda rows: [0, *rows[1:]]), word_index.DOCUMENTS),
        (spoil_column("row", lambda rows: [-1, *rows[1:]]), word_index.DOCUMENTS),
        (spoil_column("number", lambda rows: [9, *rows[1:]]), word_index.DOCUMENTS),
        (spoil_column("length", lambda lengths: lengths[::-1]), word_index.DOCUMENTS),
        (spoil_column("start of title", lambda each: [1, *each[1:]]), "start of title"),
        (lambda folder: (folder / word_index.LANGUAGE).write_text("klingon"), "klingon"),
    ],
)
def test_files_that_do_not_fit_are_refused_by_name(
    folder: Path, damage: Callable[[Path], object], named: str
) -> None:
    damage(folder)
    with pytest.raises(BundleCorrupt, match=named):
        read_words(folder, n_items=4)


def test_a_section_of_another_catalogue_is_refused(folder: Path) -> None:
    with pytest.raises(BundleCorrupt, match=r"4 rows, expected 5"):
        read_words(folder, n_items=5)


def test_two_documents_of_a_word_in_the_wrong_order_are_refused(folder: Path) -> None:
    words = indexed()
    (place,) = words.places(["opera"]).tolist()
    begin = words.posted(place).start
    spoil(word_index.POSTINGS, at(begin, int(words.postings.indices[begin + 1])))(folder)
    with pytest.raises(BundleCorrupt, match="rising documents"):
        read_words(folder, n_items=4)
