"""Documents are cut into chunks of one size, few of which are held at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest

from indexing.chunks import CHUNK_TEXTS, Chunks, OnProgress, local_chunks
from shortlist.bundle.arrays import Vectors
from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import Encoder

Entries = npt.NDArray[np.int64]


class Waiting:
    """Notes every chunk, and computes it when it is asked for."""

    embedding_dim = 1

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.submitted: list[list[str]] = []
        self.futures: list[Future[Vectors]] = []
        self.most_open = 0

    def submit(self, texts: list[str], on_progress: OnProgress) -> Future[Vectors]:
        future: Future[Vectors] = Future()
        self.submitted.append(texts)
        self.futures.append(future)
        n_open = sum(not one.done() for one in self.futures)
        self.most_open = max(self.most_open, n_open)
        if n_open == self.at_once:
            for one, of_one in zip(self.futures, self.submitted, strict=True):
                if not one.done():
                    one.set_result(np.array([[float(text)] for text in of_one], np.float32))
        return future

    def n_cut(self, texts: Sequence[str]) -> int:
        return 0


def chunked(batches: Sequence[int], *, at_once: int) -> tuple[Waiting, npt.NDArray[np.float32]]:
    """Numbers as texts, `batches` of them at a time; what was written at the entry of each."""
    encoder, total = Waiting(at_once), sum(batches)
    written = np.full(total, np.nan, np.float32)

    def put(entries: Entries, vectors: Vectors) -> None:
        written[entries] = vectors[:, 0]

    chunks = Chunks(encoder, put, int)
    begin = 0
    for n in batches:
        entries = total - 1 - np.arange(begin, begin + n)
        chunks.add([str(entry) for entry in entries], entries)
        begin += n
    threading.Timer(0.05, lambda: resolve(encoder)).start()
    assert chunks.finish() == total
    return encoder, written


def resolve(encoder: Waiting) -> None:
    for one, texts in zip(encoder.futures, encoder.submitted, strict=True):
        if not one.done():
            one.set_result(np.array([[float(text)] for text in texts], np.float32))


@pytest.mark.parametrize("batches", [[10], [CHUNK_TEXTS], [5000, 3000, 5000], [1] * 50])
def test_chunks_are_full_but_the_last_whatever_comes_at_a_time(batches: list[int]) -> None:
    encoder, written = chunked(batches, at_once=2)
    sizes = [len(texts) for texts in encoder.submitted]
    assert sizes[:-1] == [CHUNK_TEXTS] * (len(sizes) - 1)
    assert sum(sizes) == sum(batches)
    np.testing.assert_array_equal(written, np.arange(sum(batches)))


def test_no_more_chunks_than_are_worth_it_are_held() -> None:
    encoder, _ = chunked([10 * CHUNK_TEXTS], at_once=3)
    assert encoder.most_open == 3


def test_without_documents_nothing_is_encoded() -> None:
    encoder, _ = chunked([0, 0], at_once=1)
    assert encoder.submitted == []


def test_a_failure_ends_the_work(tiny_export: Path) -> None:
    encoder = Encoder(tiny_export, precision=Precision.F32)
    with local_chunks(encoder, prompt="") as local:
        chunks = Chunks(local, lambda _entries, _vectors: pytest.fail("was written"), int)
        chunks.add([cast(str, None)], np.array([0]))
        with pytest.raises(TypeError):
            chunks.finish()


def test_a_chunk_is_what_one_call_gives_to_the_bit(tiny_export: Path) -> None:
    encoder = Encoder(tiny_export, precision=Precision.F32, n_streams=2, n_threads=2)
    texts = [f"film number {n} " * (1 + n % 40) for n in range(200)]
    with local_chunks(encoder, prompt="a ") as local:
        found = [local.submit(texts, int), local.submit(texts, int)]
        expected = encoder.encode(texts, prompt="a ")
        for one in found:
            np.testing.assert_array_equal(one.result(60), expected)
