"""Runs of three characters: of one text, and of all titles at once."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import Csr, FloatArray, RowArray, values_of
from shortlist.encoder.machine import available_cores

_EDGE = "  "
_BLOCK_TITLES = 16_384
_BLOCK_POSTINGS = 2**20
_BITS = 21
"""Of a character."""


def code_of(text: str) -> int:
    """What stands for a run of characters or a word: its CRC-32."""
    return zlib.crc32(text.encode())


def trigram_codes(folded: str, *, unfinished: bool = False) -> npt.NDArray[np.uint32]:
    """The CRC-32 of every distinct run of three characters, uint32, rising.

    Two blanks stand before and after the text, so that its first and last letters count more
    than once and a typing mistake costs no more than three runs; none after an `unfinished` one.
    """
    padded = f"{_EDGE}{folded}{'' if unfinished else _EDGE}"
    runs = {padded[place : place + 3] for place in range(len(padded) - 2)}
    return np.array(sorted(code_of(run) for run in runs), dtype=np.uint32)


def trigram_weights(n_titles: int, counts: RowArray) -> FloatArray:
    """The squared inverse document frequency ln(1 + n/count)² of trigrams in `counts` titles."""
    squared: FloatArray = np.log1p(n_titles / counts) ** 2
    return squared


def trigram_norms(n_titles: int, postings: Csr) -> npt.NDArray[np.float32]:
    """The length of each title's vector of trigram weights, float32 [t]."""
    counts = np.diff(postings.offsets)
    weights = trigram_weights(n_titles, counts)
    squares = np.zeros(n_titles)
    for begin in range(0, len(postings.indices), _BLOCK_POSTINGS):
        titles = postings.indices[begin : begin + _BLOCK_POSTINGS]
        places = np.arange(begin, begin + len(titles))
        of_each = np.searchsorted(postings.offsets, places, side="right") - 1
        np.add.at(squares, titles, weights[of_each])
    return np.sqrt(squares).astype(np.float32)


def title_trigrams(folded: pa.Array) -> tuple[npt.NDArray[np.uint32], Csr]:
    """The codes of all runs in these folded titles, rising, and the titles that have each, rising.

    The same lists as those of `trigram_codes` of each title.
    """
    begins = range(0, len(folded), _BLOCK_TITLES)
    with ThreadPoolExecutor(available_cores()) as pool:
        blocks = list(pool.map(lambda begin: _runs(folded, begin), begins))
    runs = np.unique(np.concatenate([np.empty(0, np.int64), *(one.runs for one in blocks)]))
    codes = np.array([code_of(_written(run)) for run in runs.tolist()], dtype=np.uint32)
    order = np.argsort(codes, kind="stable")
    place_of = np.empty(len(runs), np.int64)
    place_of[order] = np.arange(len(runs))
    titles = _joined(blocks, [place_of[np.searchsorted(runs, one.runs)] for one in blocks])
    return _by_code(codes[order], titles)


@dataclass(frozen=True)
class _Runs:
    """Runs of a block of titles, int64 [r], with how many titles have each, and these, rising."""

    runs: RowArray
    counts: RowArray
    titles: npt.NDArray[np.int32]


def _runs(folded: pa.Array, begin: int) -> _Runs:
    """Titles stand one behind the other, two blanks apart, so that a run begins at each place."""
    block = folded[begin : begin + _BLOCK_TITLES]
    edge, nothing = (pa.scalar(text, pa.large_string()) for text in (_EDGE, ""))
    padded = pa.compute.binary_join_element_wise(edge, block, nothing)
    text = b"".join([memoryview(padded.buffers()[2]), _EDGE.encode()]).decode()
    chars = np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.int64)
    keys = (chars[:-2] << 2 * _BITS) | (chars[1:-1] << _BITS) | chars[2:]
    lengths = values_of(pa.compute.utf8_length(padded))
    titles = np.repeat(np.arange(begin, begin + len(block), dtype=np.int32), lengths)
    met = pa.array(keys).dictionary_encode()
    runs, of_each = values_of(met.dictionary), values_of(met.indices)
    if len(runs) <= np.iinfo(np.uint16).max:
        of_each = of_each.astype(np.uint16)  # numpy sorts 16 bits by counting
    order = np.argsort(of_each, kind="stable")
    of_each, titles = of_each[order], titles[order]
    kept = np.ones(len(titles), dtype=np.bool_)
    kept[1:] = (of_each[1:] != of_each[:-1]) | (titles[1:] != titles[:-1])
    return _Runs(runs, np.bincount(of_each[kept], minlength=len(runs)), titles[kept])


def _written(run: int) -> str:
    mask = (1 << _BITS) - 1
    return "".join(chr(run >> shift & mask) for shift in (2 * _BITS, _BITS, 0))


def _joined(blocks: list[_Runs], places: list[RowArray]) -> Csr:
    """One list for each run, of the titles of all blocks; each block says at which places."""
    totals = np.zeros(max((int(one.max()) + 1 for one in places if len(one)), default=0), np.int64)
    for block, own in zip(blocks, places, strict=True):
        totals[own] += block.counts
    offsets = np.concatenate([[0], np.cumsum(totals)])
    titles = np.empty(int(offsets[-1]), np.int32)
    free = offsets[:-1].copy()
    for block, own in zip(blocks, places, strict=True):
        behind = np.cumsum(block.counts)
        at = np.arange(len(block.titles))
        at += np.repeat(free[own] - (behind - block.counts), block.counts)
        titles[at] = block.titles
        free[own] += block.counts
    return Csr(offsets, titles)


def _by_code(codes: npt.NDArray[np.uint32], titles: Csr) -> tuple[npt.NDArray[np.uint32], Csr]:
    """Runs of the same code (these rise) as one, with a title as often as it has any of them."""
    distinct, first = np.unique(codes, return_index=True)
    offsets = np.append(titles.offsets[first], titles.offsets[-1])
    for place in np.flatnonzero(np.diff(first, append=len(codes)) > 1).tolist():
        titles.indices[offsets[place] : offsets[place + 1]].sort()
    return distinct, Csr(offsets, titles.indices)
