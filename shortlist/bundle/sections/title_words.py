"""All titles folded, as lists of words, and the order of everything that a title goes on with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import RowArray, values_of
from shortlist.bundle.folding import fold
from shortlist.encoder.machine import available_cores

SORTED_CHARACTERS = 32
"""How much of the text from a word on decides its place among the words."""

_BLOCK_TITLES = 16_384
_GROUPS = 64
"""So many groups of texts are sorted, each within the processor's cache."""


@dataclass(frozen=True)
class FoldedTitles:
    """Titles as compared, word by word.

    Title t has the words `numbers[offsets[t]:offsets[t + 1]]` (int32; offsets int64 [t + 1]) of
    the distinct `words`, an Arrow array of text.
    """

    words: pa.Array
    offsets: RowArray
    numbers: npt.NDArray[np.int32]

    @cached_property
    def texts(self) -> pa.Array:
        """Each title as `fold` has it."""
        words = self.words.take(pa.array(self.numbers))
        lists = pa.LargeListArray.from_arrays(pa.array(self.offsets), words)
        return pa.compute.binary_join(lists, pa.scalar(" ", pa.large_string()))

    @cached_property
    def starts(self) -> npt.NDArray[np.int32]:
        """Every word as (title, character where it begins), int32 [w, 2], in their order."""
        counts = np.diff(self.offsets)
        lengths = values_of(pa.compute.utf8_length(self.words))[self.numbers]
        ends = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths + 1, out=ends[1:])
        starts = np.empty((len(lengths), 2), np.int32)
        starts[:, 0] = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        starts[:, 1] = ends[:-1] - np.repeat(ends[self.offsets[:-1]], counts)
        return starts

    def sorted_starts(self) -> npt.NDArray[np.int32]:
        """The starts by the 32 characters from there on, ties in their order."""
        starts, begins = self.starts, range(0, len(self.offsets) - 1, _BLOCK_TITLES)
        with ThreadPoolExecutor(available_cores()) as pool:
            parts = list(pool.map(self._texts_from_words, begins))
            texts = pa.chunked_array(parts, pa.large_string()).combine_chunks()
            del parts
            orders = pool.map(lambda places: _sorted(texts, places), _groups(texts))
            return np.take(starts, np.concatenate([np.empty(0, np.int64), *orders]), axis=0)

    def _texts_from_words(self, begin: int) -> pa.Array:
        """Of each word of a block of titles the text from there on, 32 characters of it."""
        titles = self.texts[begin : begin + _BLOCK_TITLES]
        end = begin + len(titles)
        starts = self.starts[self.offsets[begin] : self.offsets[end]]
        ends = _offsets(titles)
        held = np.frombuffer(titles.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]
        ends = ends - ends[0]
        # where each character begins, and behind the last one
        places = np.append(np.flatnonzero((held & 0xC0) != 0x80), ends[-1])
        of_titles = np.searchsorted(places, ends)
        own = starts[:, 0] - begin
        first = of_titles[own] + starts[:, 1]
        last = np.minimum(first + SORTED_CHARACTERS, of_titles[own + 1])
        return _gathered(held, places[first], places[last])


def _groups(texts: pa.Array) -> list[RowArray]:
    """The places of texts that are not empty, in groups by their first two bytes, which rise."""
    offsets, held = _offsets(texts), np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    heads = held[offsets[:-1]].astype(np.uint16) << 8
    longer = np.flatnonzero(np.diff(offsets) > 1)
    heads[longer] |= held[offsets[longer] + 1]
    counts = np.bincount(heads, minlength=2**16)
    group_of = (np.cumsum(counts) - counts) * _GROUPS // max(1, len(texts))
    groups = group_of.astype(np.uint8)[heads]
    ends = np.cumsum(np.bincount(groups, minlength=_GROUPS))
    return np.split(np.argsort(groups, kind="stable"), ends[:-1])


def _sorted(texts: pa.Array, places: RowArray) -> RowArray:
    """These places by their texts."""
    order = pa.compute.array_sort_indices(texts.take(pa.array(places)))
    found: RowArray = places[values_of(order)]
    return found


def _offsets(texts: pa.Array) -> RowArray:
    """Where each text begins in the bytes of all of them, and where the last ends."""
    count = len(texts) + 1
    return np.frombuffer(texts.buffers()[1], np.int64, count, texts.offset * 8)


def _gathered(held: npt.NDArray[np.uint8], begins: RowArray, ends: RowArray) -> pa.Array:
    """The texts that lie in these spans of bytes, which may overlap."""
    lengths = ends - begins
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    at = np.arange(int(offsets[-1]))
    at += np.repeat(begins - offsets[:-1], lengths)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(held[at])]
    return pa.LargeStringArray.from_buffers(len(lengths), buffers[1], buffers[2])


def fold_titles(shown: pa.Array) -> FoldedTitles:
    """Titles (an Arrow array of text) folded; each distinct word is, once.

    `fold` reads a text word by word: nothing that stands behind a blank changes what is before.
    """
    parts = [shown[begin : begin + _BLOCK_TITLES] for begin in range(0, len(shown), _BLOCK_TITLES)]
    with ThreadPoolExecutor(available_cores()) as pool:
        met = list(pool.map(_tokens, parts or [shown]))
    unified = pa.chunked_array([tokens for tokens, _ in met]).unify_dictionaries()
    tokens = np.concatenate([values_of(chunk.indices) for chunk in unified.chunks])
    n_tokens = np.concatenate([counts for _, counts in met])

    number_of: dict[str, int] = {}
    numbers: list[int] = []
    offsets = [0]
    for written in unified.chunk(0).dictionary.to_pylist():
        words = fold(written).split()
        numbers += [number_of.setdefault(word, len(number_of)) for word in words]
        offsets.append(len(numbers))
    return FoldedTitles(
        pa.array(number_of, pa.large_string()),
        *_expanded(tokens, n_tokens, np.array(offsets), np.array(numbers, np.int32)),
    )


def _tokens(texts: pa.Array) -> tuple[pa.DictionaryArray, RowArray]:
    """What blanks part in these texts, and how much of it each has."""
    parted = pa.compute.utf8_split_whitespace(texts)
    counts: RowArray = np.diff(values_of(parted.offsets))
    return parted.flatten().dictionary_encode(), counts


def _expanded(
    tokens: npt.NDArray[np.int32],
    n_tokens: RowArray,
    offsets: RowArray,
    numbers: npt.NDArray[np.int32],
) -> tuple[RowArray, npt.NDArray[np.int32]]:
    """Where the words of each title begin, and these: a token stands for none, one or more."""
    n_words = np.diff(offsets)[tokens]
    ends = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum(n_words, out=ends[1:])
    at = np.arange(int(ends[-1]))
    at += np.repeat(offsets[tokens] - ends[:-1], n_words)
    of_titles = np.zeros(len(n_tokens) + 1, np.int64)
    np.cumsum(n_tokens, out=of_titles[1:])
    return ends[of_titles], numbers[at]
