"""What the words of a segment count once some of its documents are gone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shortlist.bundle import all_words
from shortlist.bundle.all_words import AllWords, WordsPart
from shortlist.bundle.arrays import Csr
from shortlist.bundle.places import Places

LISTS = [[0, 1, 2, 3], [], [1], [0, 3], []]
"""The documents of each of five terms; two stand nowhere."""


def part(rows: list[int]) -> WordsPart:
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in LISTS])])
    postings = Csr(offsets, np.array([one for own in LISTS for one in own], np.int32))
    index: Any = SimpleNamespace(postings=postings, lengths=np.array([2, 3, 1, 4]))
    return WordsPart(index, np.array(rows, np.int32))


@pytest.mark.parametrize("block", [1, 2, 100])
def test_documents_that_are_gone_count_nowhere(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_words, "_BLOCK", block)
    assert part([5, 6, 7, 8]).counts.tolist() == [4, 0, 1, 2, 0]
    assert part([5, -1, 7, -1]).counts.tolist() == [2, 0, 0, 1, 0]
    assert part([-1, -1, -1, -1]).counts.tolist() == [0, 0, 0, 0, 0]
    assert part([5, -1, 7, -1]).length == (2, 3)


def test_what_is_prepared_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    words = AllWords((part([0, -1, 1, 2]),), Places())
    words.prepare()
    monkeypatch.setattr(WordsPart, "_postings_gone", lambda _: pytest.fail("counted again"))
    assert words.counts(np.array([[0, 2, 3]])).tolist() == [3, 0, 2]
    assert words.n_documents == 3


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("documents", [[], [0], [3], [0, 1, 2, 3, 4, 5, 6], [1, 5, 6], [2, 3, 4]])
def test_what_holds_down_rising_documents_is_what_holds_down_each(
    documents: list[int], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_words, "_FEW_OF_A_LENGTH", few)
    index: Any = SimpleNamespace(lengths=np.array([0, 2, 2, 2, 5, 9, 9], np.uint16))
    own = WordsPart(index, np.arange(7, dtype=np.int32))
    words = AllWords((own,), Places())
    assert own.begins.tolist() == [0, 1, 4, 5]
    rising = np.array(documents, np.int64)
    expected = [1.5 * (0.25 + 0.75 * index.lengths[one] / (29 / 7)) for one in documents]
    assert words.norms_of_rising(own, rising).tolist() == pytest.approx(expected)
