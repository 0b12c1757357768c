"""The title section made of all titles at once is the one that is made title by title."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.bundle.arrays import write_arrow
from shortlist.bundle.folding import fold
from shortlist.bundle.sections import title_index, title_words, trigrams
from shortlist.bundle.sections.title_index import write_titles
from shortlist.bundle.sections.title_words import SORTED_CHARACTERS, fold_titles
from shortlist.bundle.sections.trigrams import title_trigrams, trigram_codes, trigram_weights

WORDS = (
    "The", "Matrix", "matrix", "Łódź", "Straße", "¨", "½", "a\u0301\u0323", "\u0323b", "हिन्दी",
    "映画", "&", "'", "l'été", "X-200", "--", "?", "of", "o", "a", "z" * 40, "é" * 33, "\u00a0",
    "\x1f", "ﬁ",
)  # fmt: skip


def drawn(n: int) -> list[str]:
    """Titles that share words and beginnings, some without a letter."""
    rng = random.Random(4)
    return [" ".join(rng.choices(WORDS, k=rng.randint(0, 9))) for _ in range(n)]


def write_plainly(folder: Path, shown: Sequence[str], rows: np.ndarray) -> None:
    """The files as their description has them, one title at a time."""
    (folder / title_index.FOLDER).mkdir()
    folded = [fold(title) for title in shown]
    pairs = [(int(code), t) for t, text in enumerate(folded) for code in trigram_codes(text)]
    pairs.sort()
    codes, titles = (np.array(each) for each in zip(*pairs, strict=True))
    found, first, counts = np.unique(codes, return_index=True, return_counts=True)
    weights = np.repeat(trigram_weights(len(shown), counts), counts)
    norms = np.sqrt(np.bincount(titles, weights, minlength=len(shown))).astype(np.float32)
    columns = {
        "folded": pa.array(folded, pa.large_string()),
        "shown": pa.array(shown, pa.large_string()),
        "row": pa.array(rows, pa.int64()),
        "norm": pa.array(norms),
    }
    starts = [(t, at) for t, text in enumerate(folded) for at in starts_of(text)]
    starts.sort(key=lambda one: folded[one[0]][one[1] :][:SORTED_CHARACTERS])
    words = {zlib.crc32(word.encode()) for text in folded for word in text.split()}
    write_arrow(folder / title_index.NAMES, pa.table(columns))
    for name, values in (
        (title_index.TRIGRAMS, found.astype(np.uint32)),
        (title_index.OFFSETS, np.append(first, len(codes)).astype(np.int64)),
        (title_index.POSTINGS, titles.astype(np.int32)),
        (title_index.WORDS, np.array(starts, np.int32).reshape(-1, 2)),
        (title_index.VOCABULARY, np.array(sorted(words), np.uint32)),
    ):
        np.save(folder / name, values)


def starts_of(text: str) -> list[int]:
    return [at for at in range(len(text)) if at == 0 or text[at - 1] == " "]


@pytest.mark.parametrize("block", [1, 50, 16_384])
def test_every_file_is_that_of_one_title_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    for module in (title_words, trigrams):
        monkeypatch.setattr(module, "_BLOCK_TITLES", block)
    monkeypatch.setattr(trigrams, "_BLOCK_POSTINGS", 100)
    shown = drawn(200)
    folders = tmp_path / "at once", tmp_path / "plainly"
    for folder, write in zip(folders, (write_titles, write_plainly), strict=True):
        folder.mkdir()
        write(folder, shown, np.arange(200) // 2)
    for name in title_index.FILES:
        made, expected = ((folder / name).read_bytes() for folder in folders)
        assert made == expected, name


def test_runs_that_have_one_code_are_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigrams, "code_of", lambda text: zlib.crc32(text.encode()) % 7)
    shown = drawn(60)
    folded = [fold(title) for title in shown]
    codes, postings = title_trigrams(fold_titles(pa.array(shown, pa.large_string())).texts)
    expected = sorted(
        (int(code), t) for t, text in enumerate(folded) for code in trigram_codes(text)
    )
    counts = np.diff(postings.offsets)
    found = zip(np.repeat(codes, counts).tolist(), postings.indices.tolist(), strict=True)
    assert list(found) == expected
    assert codes.tolist() == list(range(7))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=15), min_size=1, max_size=4))
def test_any_title_is_folded_as_a_whole(shown: list[str]) -> None:
    titles = fold_titles(pa.array(shown, pa.large_string()))
    expected = [fold(title) for title in shown]
    assert titles.texts.to_pylist() == expected
    starts = [[t, at] for t, text in enumerate(expected) for at in starts_of(text)]
    assert titles.starts.tolist() == starts


def test_no_title_is_no_word() -> None:
    titles = fold_titles(pa.array([], pa.large_string()))
    codes, postings = title_trigrams(titles.texts)
    assert (len(titles.texts), len(titles.sorted_starts()), len(codes)) == (0, 0, 0)
    assert postings.offsets.tolist() == [0]
