"""Query texts to vectors: waiting queries share one inference, repeated ones a cache."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from shortlist.bundle.arrays import Vectors
from shortlist.encoder.batching import pack
from shortlist.encoder.runtime import Encoder, normalise_text
from shortlist.errors import Overloaded

TOKENS_TOGETHER = 256
"""Tokens encoded in one inference: as many as one text has at most, and so no query waits longer
for the others before it than for one long text each."""


class EncodesQuery(Protocol):
    """What the engine asks for a query's vector. `hits` and `misses` count the cache's."""

    hits: int
    misses: int

    def encode(self, text: str) -> Vectors:
        """The float32 unit vector [dim] of one query."""

    def encode_in_parts(self, texts: Sequence[str]) -> Iterator[dict[str, Vectors]]:
        """The vectors of these texts, part by part as they are encoded; others go between."""


class Observer:
    """What is told of encoding as it happens, by many threads; this one does nothing with it."""

    def observe_batch(self, n_queries: int) -> None:
        """One inference encodes this many queries."""

    def observe_lookup(self, hit: bool) -> None:
        """A query was, or was not, found in the cache."""


@dataclass
class _Waiting:
    """Texts of one request on their way, encoded in one inference.

    `vectors` is float32 [len(tokens), dim]; `wake` is set when they are done, or when it is their
    turn to lead, which `leads` says.
    """

    tokens: list[list[int]]
    vectors: Vectors | None = None
    error: BaseException | None = None
    leads: bool = False
    wake: threading.Event = field(default_factory=threading.Event)


class BatchingEncoder:
    """Encodes queries of many threads, those that wait at the same moment in one inference.

    A thread that finds the encoder idle encodes at once, in its own thread, without a wait. One
    that finds it busy queues; whoever finishes hands the lead to the first in the queue, which
    encodes up to `max_batch` queries and 256 tokens of it together. Raises Overloaded when
    `max_waiting` already wait.
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
        vector: Vectors = self._encoded(self._encoder.query_tokens([text]))[0]
        return vector

    def encode_in_parts(self, texts: Sequence[str]) -> Iterator[dict[str, Vectors]]:
        """The vectors of one request's texts, those of like length together.

        Each part waits its turn, like a query alone.
        """
        tokens = self._encoder.query_tokens(texts)
        packed = pack([len(ids) for ids in tokens], token_budget=TOKENS_TOGETHER)
        for rows in reversed(packed):  # the shortest first: more are there if time runs out
            vectors = self._encoded([tokens[row] for row in rows])
            yield {texts[row]: vector for row, vector in zip(rows, vectors, strict=True)}

    def _encoded(self, tokens: list[list[int]]) -> Vectors:
        mine = _Waiting(tokens)
        with self._mutex:
            if self._busy and len(self._queue) >= self._max_waiting:
                raise Overloaded(f"{len(self._queue)} queries already wait for the encoder")
            self._queue.append(mine)
            leads = not self._busy
            self._busy = True
        if not leads:
            mine.wake.wait()
        if leads or mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        assert mine.vectors is not None
        return mine.vectors

    def _lead(self) -> None:
        """Encode the first of the queue together, then hand on the lead.

        Whatever happens, those of the batch hear of it and the next one leads.
        """
        batch: list[_Waiting] = []
        try:
            with self._mutex:
                self._take_first(batch)
            self._encode_batch(batch)
        except BaseException as error:  # a panic of a library is no Exception
            for waiting in batch:
                waiting.error = error
        finally:
            with self._mutex:
                self._busy = bool(self._queue)
                if self._queue:
                    self._queue[0].leads = True
                    self._queue[0].wake.set()
            for waiting in batch:
                waiting.wake.set()

    def _take_first(self, batch: list[_Waiting]) -> None:
        """Move the first of the queue into the batch, and those behind it for which there is room.

        All are padded to the longest text among them.
        """
        longest = n_texts = 0
        while self._queue:
            tokens = self._queue[0].tokens
            n_texts += len(tokens)
            longest = max(longest, *map(len, tokens))
            crowded = n_texts > self._max_batch or n_texts * longest > TOKENS_TOGETHER
            if batch and crowded:
                return
            batch.append(self._queue.popleft())

    def _encode_batch(self, batch: list[_Waiting]) -> None:
        tokens = [ids for waiting in batch for ids in waiting.tokens]
        self._observer.observe_batch(len(tokens))
        vectors = self._encoder.encode_tokens(tokens)
        if len(vectors) != len(tokens):
            raise ValueError(f"expected {len(tokens)} vectors, found {len(vectors)}")
        end = 0
        for waiting in batch:
            begin, end = end, end + len(waiting.tokens)
            waiting.vectors = vectors[begin:end]


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

    def encode_in_parts(self, texts: Sequence[str]) -> Iterator[dict[str, Vectors]]:
        """The vectors of these texts, those in the cache first, the others as they are encoded."""
        texts_of: dict[str, list[str]] = {}
        for text in texts:
            texts_of.setdefault(normalise_text(text), []).append(text)
        with self._mutex:
            known = {key: self._entries[key] for key in texts_of if key in self._entries}
            self.hits += len(known)
            self.misses += len(texts_of) - len(known)
        for key in texts_of:
            self._observer.observe_lookup(key in known)
        missing = [key for key in texts_of if key not in known]
        for part in chain([known], self._encoder.encode_in_parts(missing)):
            for key in part.keys() - known.keys() if self._max_entries else ():
                self._keep(key, part[key])
            yield {text: vector for key, vector in part.items() for text in texts_of[key]}

    def _keep(self, key: str, vector: Vectors) -> None:
        kept = vector.copy()  # the vector may be a view of a whole batch
        kept.flags.writeable = False
        with self._mutex:
            self._entries[key] = kept
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)
