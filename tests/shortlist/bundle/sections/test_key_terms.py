"""The key terms section: the rarest shared words of each document, and refused files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from indexing import words as making
from shortlist.bundle.analysis import analyzer
from shortlist.bundle.arrays import read_arrow, write_arrow
from shortlist.bundle.sections import key_terms
from shortlist.bundle.sections.key_terms import PER_ITEM, KeyTerms, read_key_terms, write_key_terms
from shortlist.bundle.sections.word_index import WordIndex
from shortlist.errors import BundleCorrupt
from tests.fields import one_each

N_ITEMS = 400


def documents() -> list[str]:
    """Texts of words that few and many share, some of them blank."""
    rng = np.random.default_rng(5)
    words = np.minimum(rng.zipf(1.3, size=(N_ITEMS, 20)), 5000)
    return [" ".join(f"w{one}" for one in row[: row[0] % 20]) for row in words]


def found_in(texts: list[str], language: str = "none") -> tuple[WordIndex, np.ndarray]:
    index = making.index_words({"title": one_each(texts)}, range(len(texts)), language=language)
    return index, making.find_key_terms(index, np.ones(len(index.terms), dtype=np.bool_))


@pytest.mark.parametrize("block", [1, 50, 1_000_000])
def test_the_rarest_shared_words_are_found_whatever_is_read_at_once(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(making, "_BLOCK_POSTINGS", block)
    texts = documents()
    index, found = found_in(texts)
    counts = Counter(word for text in texts for word in set(text.split()))
    for row, text in enumerate(texts):
        shared = {word: counts[word] for word in text.split() if counts[word] > 1}
        own = found[row][found[row] >= 0]
        assert sorted(shared.values())[:PER_ITEM] == index.postings.counts(own).tolist()
        assert set(own.tolist()) <= set(index.places(list(shared)).tolist())
        assert np.all(found[row][len(own) :] == -1)


def test_words_that_do_not_inform_are_no_key_terms(tmp_path: Path) -> None:
    texts = ["the wolf of the sea", "the sea", "a wolf"]
    index, _ = found_in(texts, "english")
    informing = analyzer("english").informs
    kept = [informing(stem) for stem in ("the", "wolf", "of", "sea", "a")]
    assert kept == [False, True, False, True, False]
    places = index.places(["the", "wolf", "of", "sea", "a"])
    order = np.zeros(len(index.terms), dtype=np.bool_)
    order[places] = kept
    found = making.find_key_terms(index, order)
    assert set(found[found >= 0].tolist()) == set(places[[1, 3]].tolist())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    of_row = np.full((3, PER_ITEM), -1, np.int32)
    of_row[0, :2], of_row[2, 0] = [1, 0], 1
    written = pa.array(["Wolf", "sea"])
    write_key_terms(tmp_path, KeyTerms(of_row, np.array([4, 9], np.int32), written))
    return tmp_path


def test_what_is_written_is_read_again(folder: Path) -> None:
    read = read_key_terms(folder, n_items=3)
    places, written = read.of(0)
    assert (places.tolist(), written) == ([9, 4], ["sea", "Wolf"])
    assert read.of(1)[1] == []


def _a_place_beyond(folder: Path) -> None:
    of_row = np.load(folder / key_terms.TERMS)
    of_row[2, 0] = 2
    np.save(folder / key_terms.TERMS, of_row)


def _fewer_items(folder: Path) -> None:
    np.save(folder / key_terms.TERMS, np.load(folder / key_terms.TERMS)[:2])


def _no_words(folder: Path) -> None:
    columns = read_arrow(folder / key_terms.WRITTEN)
    (folder / key_terms.WRITTEN).unlink()
    write_arrow(folder / key_terms.WRITTEN, pa.table({"term": columns["term"]}))


@pytest.mark.parametrize("spoil", [_a_place_beyond, _fewer_items, _no_words])
def test_files_that_do_not_fit_are_refused_by_name(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(folder)
    with pytest.raises(BundleCorrupt, match=key_terms.SECTION):
        read_key_terms(folder, n_items=3)
