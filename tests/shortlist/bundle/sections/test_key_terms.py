"""The key terms section of earlier formats: what is read, and refused files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from shortlist.bundle.arrays import read_arrow, write_arrow
from shortlist.bundle.sections import key_terms
from shortlist.bundle.sections.key_terms import PER_ITEM, KeyTerms, read_key_terms, write_key_terms
from shortlist.errors import BundleCorrupt


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
