"""Where every word of every document stands, counted column by column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
from scipy import sparse

from shortlist.bundle.analysis import analyzer, code_of
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.sections.word_index import LAST_POSITION, Documents
from shortlist.encoder.machine import available_cores

Fields = Mapping[str, pa.Array]
"""By the name of a field its values: a column of lists of text, one list for each row.

Columns are arrays of the type `TEXTS`, without nulls; those of some rows are `column.take(rows)`.
"""

_BLOCK_ROWS = 16_384


@dataclass(frozen=True)
class _Block:
    """Some rows of a field, their texts parted at blanks.

    `tokens` int32 [t] number what is written; value v has those from `of_values[v]` on (int64
    [v + 1]), the block's row r the values from `of_rows[r]` on (int64 [r + 1]).
    """

    begin: int
    tokens: npt.NDArray[np.int32]
    of_values: RowArray
    of_rows: RowArray

    @property
    def rows(self) -> slice:
        """The rows of the whole."""
        return slice(self.begin, self.begin + len(self.of_rows) - 1)

    def sums(self, counts: RowArray) -> RowArray:
        """What the tokens of each row have together of something that `counts` says of each."""
        return np.diff(_summed(counts[self.tokens])[self.of_values[self.of_rows]])


@dataclass(frozen=True)
class _Analysed:
    """What each token is found by.

    Token t has the stems `stems[offsets[t]:offsets[t + 1]]` (int32), each at so many positions
    behind the token's first as `places` say (int64, rising), and takes `widths[t]` positions.
    """

    offsets: RowArray
    stems: Documents
    places: RowArray
    widths: RowArray

    @cached_property
    def n_stems(self) -> RowArray:
        """How many stems each token has."""
        return np.diff(self.offsets)


class Occurrences:
    """Every word of every document: its number, its row, its position.

    `lengths` int64 [n] say how many words each row has, `ends` where its last field ends, `starts`
    where each field begins. Fields stand behind each other, one position apart, as do the values
    of a field. Of the ways in which a stem is written the first by the alphabet stands for it,
    whatever the order of the rows.
    """

    def __init__(self, fields: Fields, *, n_rows: int, language: str) -> None:
        self._analyzer = analyzer(language)
        self._number_of: dict[str, int] = {}
        self._written: list[str] = []
        tokens, self._blocks = _read(fields)
        self._analysed = self._analyse(tokens)
        self.lengths = np.zeros(n_rows, np.int64)
        self.ends = np.zeros(n_rows, np.int64)
        self._n_stems = np.zeros(n_rows, np.int64)
        self.starts: dict[str, RowArray] = {}
        for name, blocks in self._blocks.items():
            self.starts[name] = self.ends.copy()
            for block in blocks:
                self._count(block)

    def _analyse(self, tokens: list[str]) -> _Analysed:
        """Each distinct token is analysed once, in the order in which they are met."""
        stems: list[int] = []
        places: list[int] = []
        n_stems, widths = [], []
        for token in tokens:
            before, width = len(stems), 0
            for word in self._analyzer.words(token):
                for stem, place in _by_place(word.parts, word.joined):
                    number = self._number_of.setdefault(stem, len(self._number_of))
                    stems.append(number)
                    places.append(width + place)
                    if number == len(self._written):
                        self._written.append(word.written)
                    elif word.written < self._written[number]:
                        self._written[number] = word.written
                width += len(word.parts)
            n_stems.append(len(stems) - before)
            widths.append(width)
        return _Analysed(
            offsets=_summed(np.array(n_stems, np.int64)),
            stems=np.array(stems, np.int32),
            places=np.array(places, np.int64),
            widths=np.array(widths, np.int64),
        )

    def _count(self, block: _Block) -> None:
        n_words = block.sums(self._analysed.widths)
        self.lengths[block.rows] += n_words
        self.ends[block.rows] += n_words + np.diff(block.of_rows)
        self._n_stems[block.rows] += block.sums(self._analysed.n_stems)

    def sorted(
        self, rows: RowArray
    ) -> tuple[npt.NDArray[np.uint64], Documents, Documents, npt.NDArray[np.uint16]]:
        """The stems' codes, rising; of every occurrence the place of its code, document, position.

        Occurrences of a stem stand together, by document and position; document d is that of
        `rows[d]` (int64 [n], each once). The lists of postings are the transpose of the documents'
        lists of words, which counting makes in linear time.
        """
        codes, order = self._codes
        postings = self._by_document(rows).tocsc()
        counts = np.diff(postings.indptr)
        of_each = np.repeat(np.arange(len(codes), dtype=np.int32), counts)
        return codes[order], of_each, postings.indices, postings.data

    def _by_document(self, rows: RowArray) -> sparse.csr_array:
        """Of each document the places of its codes as columns, its positions uint16 as values."""
        offsets, order = _narrow(_summed(self._n_stems[rows])), self._codes[1]
        place_of = np.empty(len(order), np.int32)
        place_of[order] = np.arange(len(order), dtype=np.int32)
        term_of = place_of[self._analysed.stems]
        terms = np.empty(int(offsets[-1]), np.int32)
        places = np.empty(len(terms), np.uint16)
        free = np.empty(len(rows), np.int64)  # where the next word of each row goes
        free[rows] = offsets[:-1]
        for name, blocks in self._blocks.items():
            for block in blocks:
                entries, at, positions = self._placed(block, self.starts[name], free)
                terms[at] = term_of[entries]
                places[at] = np.minimum(positions, LAST_POSITION)
        return sparse.csr_array((places, terms, offsets), shape=(len(rows), len(order)))

    def _placed(
        self, block: _Block, starts: RowArray, free: RowArray
    ) -> tuple[RowArray, RowArray, RowArray]:
        """The stems of a block: which of the analysed, where they go, and their positions.

        `free` is moved behind them.
        """
        analysed, of_values = self._analysed, block.of_values
        n_tokens = np.diff(of_values[block.of_rows])
        words = _summed(analysed.widths[block.tokens])
        first = starts[block.rows] - words[of_values[block.of_rows[:-1]]] - block.of_rows[:-1]
        positions = np.repeat(first, n_tokens) + words[:-1]
        positions += np.repeat(np.arange(len(of_values) - 1), np.diff(of_values))

        n_stems = analysed.n_stems[block.tokens]
        stems = _summed(n_stems)
        of_row = stems[of_values[block.of_rows]]
        at = np.arange(int(stems[-1]))
        entries = np.repeat(analysed.offsets[block.tokens] - stems[:-1], n_stems) + at
        at += np.repeat(free[block.rows] - of_row[:-1], np.diff(of_row))
        free[block.rows] += np.diff(of_row)
        return entries, at, np.repeat(positions, n_stems) + analysed.places[entries]

    @cached_property
    def _codes(self) -> tuple[npt.NDArray[np.uint64], RowArray]:
        """Each stem's code, and the order in which they rise."""
        codes = np.array([code_of(stem) for stem in self._number_of], dtype=np.uint64)
        return codes, np.argsort(codes)

    def informing(self) -> np.ndarray:
        """Of every stem, in the order of their codes, whether it is no stop word, bool."""
        informs = [self._analyzer.informs(stem) for stem in self._number_of]
        return np.array(informs, dtype=np.bool_)[self._codes[1]]

    def written(self, places: Documents) -> list[str]:
        """How stems, by their place in the order of codes, are written."""
        return [self._written[number] for number in self._codes[1][places].tolist()]


def _by_place(parts: tuple[str, ...], joined: str) -> Iterator[tuple[str, int]]:
    """The stems of a word and how many positions behind its first they are, which rise."""
    yield parts[0], 0
    if joined:
        yield joined, 0
    for place, stem in enumerate(parts[1:], 1):
        yield stem, place


def _narrow(offsets: RowArray) -> npt.NDArray[np.signedinteger]:
    """As int32 where that holds the last one: a sparse matrix has one type for all its places."""
    return offsets.astype(np.int32) if offsets[-1] <= np.iinfo(np.int32).max else offsets


def _summed(counts: RowArray) -> RowArray:
    """How many there are before each, and in all: int64, one more."""
    sums = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=sums[1:])
    return sums


def _read(fields: Fields) -> tuple[list[str], dict[str, list[_Block]]]:
    """All distinct tokens in the order in which they are met, and the blocks of each field.

    Arrow parts texts at what `str.split` takes for a blank.
    """
    parts = [
        (name, begin, column[begin : begin + _BLOCK_ROWS])
        for name, column in fields.items()
        for begin in range(0, max(1, len(column)), _BLOCK_ROWS)
    ]
    with ThreadPoolExecutor(available_cores()) as pool:
        found = list(pool.map(_tokens, (lists for _, _, lists in parts)))
    unified = pa.chunked_array([tokens for tokens, _ in found]).unify_dictionaries()
    blocks: dict[str, list[_Block]] = {name: [] for name in fields}
    for (name, begin, lists), tokens, (_, of_values) in zip(
        parts, unified.chunks, found, strict=True
    ):
        offsets = lists.offsets.to_numpy()
        numbers = tokens.indices.to_numpy()
        blocks[name].append(_Block(begin, numbers, of_values, offsets - offsets[0]))
    return unified.chunk(0).dictionary.to_pylist(), blocks


def _tokens(lists: pa.Array) -> tuple[pa.DictionaryArray, RowArray]:
    """What is written in the values of these lists, and where the tokens of each begin."""
    parted = pa.compute.utf8_split_whitespace(lists.flatten())
    return parted.flatten().dictionary_encode(), parted.offsets.to_numpy().astype(np.int64)
