"""The document terms of a segment, and the words that tell one item from others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from indexing.words import write_words
from shortlist.bundle.all_words import AllWords, part_of
from shortlist.bundle.arrays import read_arrow, write_arrow
from shortlist.bundle.places import Places
from shortlist.bundle.sections import document_terms
from shortlist.bundle.sections.document_terms import read_document_terms
from shortlist.bundle.sections.key_terms import PER_ITEM
from shortlist.bundle.sections.word_index import read_words
from shortlist.errors import BundleCorrupt
from tests.fields import one_each

N_ITEMS = 400


def documents() -> list[str]:
    """Texts of words that few and many share, some of them blank."""
    rng = np.random.default_rng(5)
    words = np.minimum(rng.zipf(1.3, size=(N_ITEMS, 20)), 5000)
    return [" ".join(f"w{one}" for one in row[: row[0] % 20]) for row in words]


def indexed(folder: Path, texts: list[str], language: str = "none") -> AllWords:
    folder.mkdir(exist_ok=True)
    write_words(folder, {"title": one_each(texts)}, n_rows=len(texts), language=language)
    words = read_words(folder, n_items=len(texts))
    terms = read_document_terms(folder, n_items=len(texts))
    return AllWords((part_of(words, None, terms),), Places())


def test_the_rarest_words_that_another_has_too_tell_an_item(tmp_path: Path) -> None:
    texts = documents()
    words = indexed(tmp_path, texts)
    counts = Counter(word for text in texts for word in set(text.split()))
    for row, text in enumerate(texts):
        shared = {word: counts[word] for word in text.split() if counts[word] > 1}
        terms, written = words.telling(row)
        assert sorted(shared.values())[:PER_ITEM] == words.counts(terms).tolist()
        assert set(written) <= set(shared) and len(written) == terms.shape[1]
        assert [counts[word] for word in written] == words.counts(terms).tolist()


def test_words_that_do_not_inform_tell_nothing(tmp_path: Path) -> None:
    words = indexed(tmp_path, ["the Wolf of the sea", "the sea!", "a wolf"], "english")
    assert set(words.telling(0)[1]) == {"Wolf", "sea"}
    assert words.telling(1)[1] == ["sea"]


def test_items_of_several_segments_are_told_apart_as_those_of_one(tmp_path: Path) -> None:
    texts = documents()
    whole = indexed(tmp_path / "whole", texts)
    owner = np.arange(N_ITEMS) % 3
    parts, entries = [], np.zeros(N_ITEMS, np.int32)
    for number in range(3):
        rows = np.flatnonzero(owner == number)
        entries[rows] = np.arange(len(rows))
        own = indexed(tmp_path / str(number), [texts[row] for row in rows])
        (part,) = own.parts
        parts.append(part_of(part.index, rows.astype(np.int32), part.terms))
    parted = AllWords(tuple(parts), Places(owner.astype(np.int16), entries))
    for row in range(N_ITEMS):
        assert parted.telling(row)[1] == whole.telling(row)[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    indexed(tmp_path, ["wolf sea", "sea", ""])
    return tmp_path


def _a_term_beyond(folder: Path) -> None:
    np.save(folder / document_terms.TERMS, np.array([0, 1, 9], np.int32))


def _fewer_items(folder: Path) -> None:
    path = folder / document_terms.OFFSETS
    np.save(path, np.load(path)[:-1])


def _a_term_that_is_not_written(folder: Path) -> None:
    written = read_arrow(folder / document_terms.WRITTEN)["written"].to_pylist()
    (folder / document_terms.WRITTEN).unlink()
    table = {"term": pa.array([0, 2], pa.int32()), "written": pa.array(written)}
    write_arrow(folder / document_terms.WRITTEN, pa.table(table))


@pytest.mark.parametrize("spoil", [_a_term_beyond, _fewer_items, _a_term_that_is_not_written])
def test_files_that_do_not_fit_are_refused_by_name(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(folder)
    with pytest.raises(BundleCorrupt, match=document_terms.SECTION):
        read_document_terms(folder, n_items=3)
