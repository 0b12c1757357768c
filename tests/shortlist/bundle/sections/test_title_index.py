"""The title section: folding, trigrams, and files that fit together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shortlist.bundle.sections.title_index import (
    NAMES,
    OFFSETS,
    POSTINGS,
    read_titles,
    write_titles,
)
from shortlist.bundle.sections.trigrams import trigram_codes
from shortlist.errors import BundleCorrupt


def test_trigrams_count_the_edges_twice() -> None:
    # "  up  ": "  u", " up", "up ", "p  "
    assert len(trigram_codes("up")) == 4
    codes = trigram_codes("toy story")
    assert np.all(np.diff(codes.astype(np.int64)) > 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_titles(tmp_path, ["Toy Story", "Story of a Toy", "Up"], np.array([0, 1, 1]))
    return tmp_path


def test_what_was_written_is_read(folder: Path) -> None:
    titles = read_titles(folder, n_items=2)
    assert titles.folded.to_pylist() == ["toy story", "story of a toy", "up"]
    assert titles.shown.to_pylist() == ["Toy Story", "Story of a Toy", "Up"]
    assert titles.rows.tolist() == [0, 1, 1]
    words = [titles.text_from_word(place) for place in range(len(titles.words))]
    assert words == ["a toy", "of a toy", "story", "story of a toy", "toy", "toy story", "up"]


def test_every_title_is_among_the_postings_of_each_of_its_trigrams(folder: Path) -> None:
    titles = read_titles(folder, n_items=2)
    for title, folded in enumerate(titles.folded.to_pylist()):
        for code in trigram_codes(folded):
            place = int(np.searchsorted(titles.trigrams, code))
            assert title in titles.postings.of(place)


def test_only_words_of_titles_are_known(folder: Path) -> None:
    titles = read_titles(folder, n_items=2)
    assert titles.knows(["toy", "of", "up"]).all()
    assert titles.knows(["toy", "toys"]).tolist() == [True, False]


@pytest.mark.parametrize("name", [OFFSETS, POSTINGS])
def test_files_that_do_not_fit_together_are_refused(folder: Path, name: str) -> None:
    path = folder / name
    np.save(path, np.load(path)[:-1])
    with pytest.raises(BundleCorrupt, match=r"postings.npy: expected \d+ (rising offsets|entries)"):
        read_titles(folder, n_items=2)


def test_a_row_that_the_bundle_has_not_is_refused(folder: Path) -> None:
    with pytest.raises(BundleCorrupt, match=r"row 1: expected 0 to 0, found 1") as caught:
        read_titles(folder, n_items=1)
    assert NAMES in str(caught.value)


def test_titles_without_a_letter_give_an_index_that_finds_nothing(tmp_path: Path) -> None:
    write_titles(tmp_path, ["???"], np.array([0]))
    titles = read_titles(tmp_path, n_items=1)
    assert len(titles.words) == 0
    assert not titles.knows(["a"]).any()
