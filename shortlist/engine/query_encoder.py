"""Query texts to vectors: waiting queries share one inference, repeated ones a cache."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shortlist.bundle.arrays import Vectors
from shortlist.encoder.runtime import Encoder, normalise_text
from shortlist.errors import Overloaded

_TOGETHER = 64
"""Texts of one request encoded in one inference: other queries wait no longer than that."""


class EncodesQuery(Protocol):
    """What the engine asks for a query's vector. `hits` and `misses` count the cache's."""

    hits: int
    misses: int

    def encode(self, text: str) -> Vectors:
        """The float32 unit vector [dim] of one query."""

    def encode_many(self, texts: Sequence[str]) -> list[Vectors]:
        """A vector each, encoded together."""


class Observer:
    """What is told of encoding as it happens, by many threads; this one does nothing with it."""

    def observe_batch(self, n_queries: int) -> None:
        """One inference encodes this many queries."""

    def observe_lookup(self, hit: bool) -> None:
        """A query was, or was not, found in the cache."""


@dataclass
class _Waiting:
    """One query on its way; `wake` is set when it is done, or when it is its turn to lead."""

    text: str
    vector: Vectors | None = None
    error: BaseException | None = None
    wake: threading.Event = field(default_factory=threading.Event)


class BatchingEncoder:
    """Encodes queries of many threads, those that wait at the same moment in one inference.

    A thread that finds the encoder idle encodes at once, in its own thread, without a wait. One
    that finds it busy queues; whoever finishes hands the lead to the first in the queue, which
    encodes up to `max_batch` queries of it together. Raises Overloaded when `max_waiting`
    queries already wait.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        max_batch: int,
        max_waiting: int,
        observer: Observer | None = None,
    ) -> None:
        self._encoder = encoder
        self._observer = observer or Observer()
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._mutex = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._busy = False

    def encode(self, text: str) -> Vectors:
        """The float32 unit vector [dim] of one query."""
        mine = _Waiting(text)
        with self._mutex:
            if self._busy and len(self._queue) >= self._max_waiting:
                raise Overloaded(f"{len(self._queue)} queries already wait for the encoder")
            self._queue.append(mine)
            leads = not self._busy
            self._busy = True
        if not leads:
            mine.wake.wait()
        if mine.vector is None and mine.error is None:
            self._lead()
        if mine.error is not None:
            raise mine.error
        assert mine.vector is not None
        return mine.vector

    def encode_many(self, texts: Sequence[str]) -> list[Vectors]:
        """Vectors of one request's texts, beside the queue: the encoder takes turns itself."""
        found: list[Vectors] = []
        for begin in range(0, len(texts), _TOGETHER):
            some = texts[begin : begin + _TOGETHER]
            self._observer.observe_batch(len(some))
            found.extend(self._encoder.encode_queries(some))
        return found

    def _lead(self) -> None:
        """Encode the first of the queue together, then hand on the lead."""
        with self._mutex:
            n_batch = min(self._max_batch, len(self._queue))
            batch = [self._queue.popleft() for _ in range(n_batch)]
        try:
            self._encode_batch(batch)
        finally:
            with self._mutex:
                self._busy = bool(self._queue)
                heir = self._queue[0] if self._queue else None
            if heir is not None:
                heir.wake.set()
            for waiting in batch:
                waiting.wake.set()

    def _encode_batch(self, batch: list[_Waiting]) -> None:
        self._observer.observe_batch(len(batch))
        try:
            vectors = self._encoder.encode_queries([waiting.text for waiting in batch])
            for waiting, vector in zip(batch, vectors, strict=True):
                waiting.vector = vector
        except BaseException as error:
            for waiting in batch:
                waiting.error = error
            raise


class CachingEncoder:
    """A bounded cache of query vectors, least recently used out first; 0 keeps none.

    The key is the normalised text. Cached vectors are read-only.
    """

    def __init__(
        self, encoder: BatchingEncoder, *, max_entries: int, observer: Observer | None = None
    ) -> None:
        self._encoder = encoder
        self._observer = observer or Observer()
        self._max_entries = max_entries
        self._entries: OrderedDict[str, Vectors] = OrderedDict()
        self._mutex = threading.Lock()
        self.hits = 0
        self.misses = 0

    def encode(self, text: str) -> Vectors:
        """The float32 unit vector [dim] of one query."""
        key = normalise_text(text)
        with self._mutex:
            vector = self._entries.get(key)
            if vector is not None:
                self._entries.move_to_end(key)
                self.hits += 1
            else:
                self.misses += 1
        self._observer.observe_lookup(vector is not None)
        if vector is not None:
            return vector
        vector = self._encoder.encode(key)
        vector.flags.writeable = False
        if self._max_entries:
            self._keep(key, vector)
        return vector

    def encode_many(self, texts: Sequence[str]) -> list[Vectors]:
        """A vector each; those that are not in the cache are encoded together."""
        keys = [normalise_text(text) for text in texts]
        with self._mutex:
            known = {key: self._entries[key] for key in keys if key in self._entries}
            missing = [key for key in dict.fromkeys(keys) if key not in known]
            self.hits += len(keys) - len(missing)
            self.misses += len(missing)
        for key, vector in zip(missing, self._encoder.encode_many(missing), strict=True):
            known[key] = vector
            if self._max_entries:
                self._keep(key, vector)
        for key in keys:
            self._observer.observe_lookup(key not in missing)
        return [known[key] for key in keys]

    def _keep(self, key: str, vector: Vectors) -> None:
        kept = vector.copy()  # the vector may be a view of a whole batch
        kept.flags.writeable = False
        with self._mutex:
            self._entries[key] = kept
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)
