"""Texts to vectors in chunks of one size, each a call of its own, wherever it is made.

Vectors of reduced precision depend on the texts beside them, by up to 1e-3: equal chunks give equal
vectors to the bit, so that a build is the same whoever encodes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.encoder.runtime import Encoder

CHUNK_TEXTS = 4096
"""Texts of a chunk: some seconds' work, some megabytes of vectors, enough to pack by length."""

_AT_ONCE = 2
"""Chunks on their way here: the next is taken apart into tokens while one is computed."""

OnProgress = Callable[[int], object]


class ChunkEncoder(Protocol):
    """Encodes chunks of documents, several at a time and in any order."""

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding."""

    @property
    def at_once(self) -> int:
        """How many chunks are worth having on their way at the same moment."""

    def submit(self, texts: list[str], on_progress: OnProgress) -> Future[Vectors]:
        """The float32 unit vectors [len(texts), dim] of one chunk, some time.

        `on_progress` is called with the number of texts just done, maybe by another thread.
        """

    def n_cut(self, texts: Sequence[str]) -> int:
        """How many of these documents are longer than the model reads."""


class Chunks:
    """Documents cut into chunks as they come; their vectors go to `put`, with their entries.

    Few chunks are held at a time: who adds more waits.
    """

    def __init__(
        self,
        encoder: ChunkEncoder,
        put: Callable[[RowArray, Vectors], object],
        on_progress: OnProgress,
    ) -> None:
        self._encoder = encoder
        self._put = put
        self._on_progress = on_progress
        self._texts: list[str] = []
        self._entries = np.empty(0, np.int64)
        self._running: deque[tuple[Future[Vectors], RowArray]] = deque()
        self._n_added = 0

    def add(self, texts: Sequence[str], entries: RowArray) -> None:
        """Have these documents encoded, and written at these entries (int64 [m])."""
        self._texts += texts
        self._entries = np.concatenate([self._entries, entries])
        self._n_added += len(texts)
        while len(self._texts) >= CHUNK_TEXTS:
            self._submit()

    def finish(self) -> int:
        """Encode what is left and write all; returns how many documents were encoded."""
        if self._texts:
            self._submit()
        while self._running:
            self._write_oldest()
        return self._n_added

    def _submit(self) -> None:
        texts, self._texts = self._texts[:CHUNK_TEXTS], self._texts[CHUNK_TEXTS:]
        entries, self._entries = self._entries[:CHUNK_TEXTS], self._entries[CHUNK_TEXTS:]
        while len(self._running) >= self._encoder.at_once:
            self._write_oldest()
        self._running.append((self._encoder.submit(texts, self._on_progress), entries))

    def _write_oldest(self) -> None:
        future, entries = self._running.popleft()
        self._put(entries, future.result())


class LocalChunks:
    """Chunks encoded by this process, while it reads on."""

    at_once = _AT_ONCE

    def __init__(self, encoder: Encoder, threads: ThreadPoolExecutor, *, prompt: str) -> None:
        self.encoder = encoder
        self.threads = threads
        self.prompt = prompt

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding."""
        return self.encoder.embedding_dim

    def submit(self, texts: list[str], on_progress: OnProgress) -> Future[Vectors]:
        """As `ChunkEncoder` says."""
        return self.threads.submit(
            self.encoder.encode, texts, prompt=self.prompt, on_progress=on_progress
        )

    def n_cut(self, texts: Sequence[str]) -> int:
        """As `ChunkEncoder` says."""
        return self.encoder.n_cut(texts, prompt=self.prompt)


@contextmanager
def local_chunks(encoder: Encoder, *, prompt: str) -> Iterator[LocalChunks]:
    """What encodes documents here, each behind the prompt."""
    threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="encoding")
    try:
        yield LocalChunks(encoder, threads, prompt=prompt)
    finally:
        threads.shutdown(cancel_futures=True)
