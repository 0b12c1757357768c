"""A text as the words of all items are asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shortlist.bundle.all_words import AllWords
from shortlist.bundle.analysis import Word
from shortlist.bundle.arrays import FloatArray, RowArray

MOST_WORDS = 64
"""Different words of a text that are looked up, its first."""


@dataclass(frozen=True)
class AskedWords:
    """A text as the words of all items are asked for it.

    `words` are distinct. Of every stem of every word, in order: `terms` int64 [p, s] its place in
    the terms of each part, -1 for one that has it not; `counts` int64 [s] how many documents have
    it; `rarities` float64 [s]; `word_of` int64 [s] the word; `informs` bool [s]; `joins` bool [s]
    says that it stands for all parts of its word together.
    """

    words: tuple[Word, ...]
    terms: RowArray
    counts: RowArray
    rarities: FloatArray
    word_of: RowArray
    informs: npt.NDArray[np.bool_]
    joins: npt.NDArray[np.bool_]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which stems some document has, bool [s]."""
        return np.asarray(self.counts > 0)


def ask_words(all_words: AllWords, text: str) -> AskedWords:
    """The text as words; where none informs, all of them count as if they did."""
    analyzer = all_words.analyzer
    words = tuple({word.stems: word for word in reversed(analyzer.words(text))}.values())[::-1]
    words = words[:MOST_WORDS]
    stems = [stem for word in words for stem in word.stems]
    joins = np.array([last for word in words for last in _joining(word)], dtype=np.bool_)
    informs = np.array([analyzer.informs(stem) for stem in stems], dtype=np.bool_)
    if not informs.any():
        informs[:] = True
    terms = all_words.terms(stems)
    counts = all_words.counts(terms)
    return AskedWords(
        words=words,
        terms=terms,
        counts=counts,
        rarities=all_words.rarities(counts),
        word_of=np.repeat(np.arange(len(words)), [len(word.stems) for word in words]),
        informs=informs,
        joins=joins,
    )


def ask_key_terms(all_words: AllWords, row: int) -> AskedWords:
    """The terms that tell the document of a row from others, asked for as a text's words are."""
    terms, written = all_words.telling(row)
    counts = all_words.counts(terms)
    return AskedWords(
        words=tuple(Word(one, ()) for one in written),
        terms=terms,
        counts=counts,
        rarities=all_words.rarities(counts),
        word_of=np.arange(len(written)),
        informs=np.ones(len(written), dtype=np.bool_),
        joins=np.zeros(len(written), dtype=np.bool_),
    )


def _joining(word: Word) -> Iterator[bool]:
    yield from (False for _ in word.parts)
    if word.joined:
        yield True
