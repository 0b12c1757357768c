"""Waiting queries share one inference; repeated ones a cache."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from shortlist.bundle.arrays import Vectors
from shortlist.engine import query_encoder
from shortlist.engine.query_encoder import BatchingEncoder, CachingEncoder
from shortlist.errors import Overloaded

LONG_S = 20  # no test waits this long unless it is about to fail


def vector_of(text: str) -> list[float]:
    """Eight numbers that only this text has."""
    return [float(byte) for byte in hashlib.sha256(text.encode()).digest()[:8]]


class HashingEncoder:
    """Gives each text its own vector and remembers who asked for what."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: list[int] = []

    def query_tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return [[ord(character) for character in text] for text in texts]

    def encode_tokens(self, tokens: list[list[int]]) -> Vectors:
        texts = ["".join(map(chr, ids)) for ids in tokens]
        self.batches.append(texts)
        self.threads.append(threading.get_ident())
        return np.array([vector_of(text) for text in texts], dtype=np.float32)


class HeldEncoder(HashingEncoder):
    """Says when a call has begun and goes on when it is let; "bad" texts raise."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)

    def encode_tokens(self, tokens: list[list[int]]) -> Vectors:
        self.begun.release()
        assert self.let.acquire(timeout=LONG_S)
        vectors = super().encode_tokens(tokens)
        if "bad" in self.batches[-1]:
            raise ValueError("the encoder failed")
        return vectors


class Crowd:
    """Threads that query a busy encoder; `send` returns when its query stands in the queue."""

    def __init__(self, encoder: BatchingEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
        self._encoder = encoder
        self._queued = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor(32)
        queued = self._queued

        class AnnouncedEvent(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                queued.release()  # a query is put into the queue before it waits
                return super().wait(LONG_S)

        class AnnouncedWaiting(query_encoder._Waiting):
            def __init__(self, tokens: list[list[int]]) -> None:
                super().__init__(tokens, wake=AnnouncedEvent())

        monkeypatch.setattr(query_encoder, "_Waiting", AnnouncedWaiting)

    def start(self, text: str) -> Future[Vectors]:
        """Begin a query that does not have to wait."""
        return self._pool.submit(self._encoder.encode, text)

    def send(self, text: str) -> Future[Vectors]:
        """Begin a query that has to wait, and wait until it does."""
        answer = self.start(text)
        assert self._queued.acquire(timeout=LONG_S)
        return answer

    def close(self) -> None:
        self._pool.shutdown()


def held(
    monkeypatch: pytest.MonkeyPatch, *, max_batch: int = 16, max_waiting: int = 256
) -> tuple[HeldEncoder, Crowd, Future[Vectors]]:
    """An encoder busy with the query "first", and a crowd to send it more."""
    encoder = HeldEncoder()
    batching = BatchingEncoder(encoder, max_batch=max_batch, max_waiting=max_waiting)
    crowd = Crowd(batching, monkeypatch)
    first = crowd.start("first")
    assert encoder.begun.acquire(timeout=LONG_S)
    return encoder, crowd, first


def test_an_idle_encoder_encodes_at_once_in_the_callers_thread() -> None:
    encoder = HashingEncoder()
    batching = BatchingEncoder(encoder, max_batch=16, max_waiting=1)
    for text in ("one", "two", "three"):
        assert batching.encode(text).tolist() == vector_of(text)
    assert encoder.batches == [["one"], ["two"], ["three"]]
    assert encoder.threads == [threading.get_ident()] * 3


def test_queries_that_arrive_while_it_is_busy_are_encoded_in_one_call_first_come_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, crowd, first = held(monkeypatch)
    answers = {text: crowd.send(text) for text in ("a", "b", "c", "d", "e")}
    encoder.let.release(2)
    assert first.result(LONG_S).tolist() == vector_of("first")
    for text, answer in answers.items():
        assert answer.result(LONG_S).tolist() == vector_of(text)
    assert encoder.batches == [["first"], ["a", "b", "c", "d", "e"]]
    crowd.close()


def test_a_batch_holds_at_most_max_batch_and_the_queue_keeps_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, crowd, _ = held(monkeypatch, max_batch=3)
    answers = {text: crowd.send(text) for text in "abcdefg"}
    encoder.let.release(4)
    for text, answer in answers.items():
        assert answer.result(LONG_S).tolist() == vector_of(text)
    assert encoder.batches == [["first"], ["a", "b", "c"], ["d", "e", "f"], ["g"]]
    crowd.close()


def test_after_a_crowd_the_encoder_is_idle_again(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, crowd, first = held(monkeypatch)
    waiting = crowd.send("a")
    encoder.let.release(3)
    first.result(LONG_S), waiting.result(LONG_S)
    assert crowd.start("alone").result(LONG_S).tolist() == vector_of("alone")
    assert encoder.batches == [["first"], ["a"], ["alone"]]
    crowd.close()


def test_a_query_beyond_max_waiting_is_refused_and_the_waiting_ones_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, crowd, _ = held(monkeypatch, max_waiting=2)
    answers = {text: crowd.send(text) for text in ("a", "b")}
    with pytest.raises(Overloaded, match="2 queries already wait for the encoder"):
        crowd.start("one too many").result(LONG_S)
    encoder.let.release(3)
    for text, answer in answers.items():
        assert answer.result(LONG_S).tolist() == vector_of(text)
    assert crowd.start("later").result(LONG_S).tolist() == vector_of("later")
    assert encoder.batches == [["first"], ["a", "b"], ["later"]]
    crowd.close()


def test_an_encoder_error_reaches_every_query_of_its_batch_and_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, crowd, first = held(monkeypatch)
    answers = [crowd.send(text) for text in ("a", "bad", "c")]
    encoder.let.release(3)
    for answer in answers:
        with pytest.raises(ValueError, match="the encoder failed"):
            answer.result(LONG_S)
    assert first.result(LONG_S).tolist() == vector_of("first")
    assert crowd.start("next").result(LONG_S).tolist() == vector_of("next")
    crowd.close()


def test_the_error_of_one_batch_leaves_the_next_batch_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, crowd, _ = held(monkeypatch, max_batch=1)
    bad, good = crowd.send("bad"), crowd.send("good")
    encoder.let.release(3)
    with pytest.raises(ValueError, match="the encoder failed"):
        bad.result(LONG_S)
    assert good.result(LONG_S).tolist() == vector_of("good")
    crowd.close()


def test_too_few_vectors_are_an_error_for_every_query_of_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, crowd, _ = held(monkeypatch)
    answers = [crowd.send(text) for text in ("a", "b")]
    monkeypatch.setattr(
        encoder, "encode_tokens", lambda tokens: np.zeros((len(tokens) - 1, 8), np.float32)
    )
    encoder.let.release(1)
    for answer in answers:
        with pytest.raises(ValueError, match="expected 2 vectors, found 1"):
            answer.result(LONG_S)
    crowd.close()


@pytest.mark.parametrize("cached", [False, True])
def test_32_threads_each_get_the_vectors_of_their_own_queries(cached: bool) -> None:
    encoder = HashingEncoder()
    batching = BatchingEncoder(encoder, max_batch=16, max_waiting=32)
    target = CachingEncoder(batching, max_entries=100) if cached else batching
    together = threading.Barrier(32)

    def ask(thread: int) -> list[str]:
        together.wait(LONG_S)
        texts = [f"query {thread % 16} {number}" for number in range(50)]
        return [text for text in texts if target.encode(text).tolist() != vector_of(text)]

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(ask, range(32))) == [[]] * 32
    sizes = [len(batch) for batch in encoder.batches]
    assert max(sizes) <= 16
    if isinstance(target, CachingEncoder):
        assert target.hits + target.misses == 32 * 50
        assert sum(sizes) == target.misses
    else:
        assert sum(sizes) == 32 * 50


def cache(max_entries: int) -> tuple[HashingEncoder, CachingEncoder]:
    encoder = HashingEncoder()
    batching = BatchingEncoder(encoder, max_batch=16, max_waiting=16)
    return encoder, CachingEncoder(batching, max_entries=max_entries)


def test_the_least_recently_used_query_leaves_the_cache_first() -> None:
    encoder, cached = cache(2)
    for text in ("a", "b", "a", "c", "a", "b"):  # c pushes out b: a was used after it
        assert cached.encode(text).tolist() == vector_of(text)
    assert encoder.batches == [["a"], ["b"], ["c"], ["b"]]
    assert (cached.hits, cached.misses) == (2, 4)


def test_a_cache_of_zero_entries_keeps_nothing() -> None:
    encoder, cached = cache(0)
    for _ in range(3):
        assert cached.encode("a").tolist() == vector_of("a")
    assert encoder.batches == [["a"]] * 3
    assert (cached.hits, cached.misses) == (0, 3)


def test_composed_and_combining_accents_share_one_entry() -> None:
    encoder, cached = cache(10)
    composed, combining = "Am\u00e9lie", "Ame\u0301lie"
    assert cached.encode(combining).tolist() == vector_of(composed)
    assert cached.encode(composed).tolist() == vector_of(composed)
    assert encoder.batches == [[composed]]
    assert (cached.hits, cached.misses) == (1, 1)


def test_case_and_blanks_tell_queries_apart() -> None:
    encoder, cached = cache(10)
    for text in ("a b", "A b", "a  b"):
        cached.encode(text)
    assert encoder.batches == [["a b"], ["A b"], ["a  b"]]


@pytest.mark.parametrize("max_entries", [0, 10])
def test_no_caller_can_write_into_a_vector_that_others_get(max_entries: int) -> None:
    _, cached = cache(max_entries)
    for _ in range(2):
        vector = cached.encode("a")
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 1
        assert vector.tolist() == vector_of("a")


def test_a_failed_query_is_not_cached() -> None:
    encoder = HeldEncoder()
    encoder.let.release(2)
    cached = CachingEncoder(BatchingEncoder(encoder, max_batch=1, max_waiting=1), max_entries=10)
    for _ in range(2):
        with pytest.raises(ValueError, match="the encoder failed"):
            cached.encode("bad")
    assert (cached.hits, cached.misses) == (0, 2)


def test_no_inference_has_more_tokens_than_the_longest_text_and_each_is_padded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, crowd, _ = held(monkeypatch)
    short, long, longest = "s" * 60, "l" * 100, "x" * 200
    answers = [crowd.send(text) for text in (f"{short}1", f"{short}2", long, longest, "a", "b")]
    encoder.let.release(5)
    for answer in answers:
        answer.result(LONG_S)
    # 3 × 61 fit into 256, 3 × 100 do not; nor does "a" beside the longest, which pads it to 200.
    assert encoder.batches[1:] == [[f"{short}1", f"{short}2"], [long], [longest], ["a", "b"]]
    crowd.close()


def test_the_texts_of_one_request_are_encoded_in_parts_between_which_others_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, crowd, _ = held(monkeypatch)
    texts = [str(digit) * 100 for digit in range(6)]
    batch = crowd._pool.submit(lambda: list(crowd._encoder.encode_in_parts(texts)))
    assert crowd._queued.acquire(timeout=LONG_S)
    other = crowd.send("other")
    encoder.let.release(2)  # "first", and the batch's first two texts
    assert encoder.begun.acquire(timeout=LONG_S)
    assert encoder.begun.acquire(timeout=LONG_S)
    encoder.let.release(1)
    assert other.result(LONG_S).tolist() == vector_of("other")
    assert not batch.done()
    encoder.let.release(3)
    parts = batch.result(LONG_S)
    assert sorted(text for part in parts for text in part) == texts
    assert {text: vector.tolist() for part in parts for text, vector in part.items()} == {
        text: vector_of(text) for text in texts
    }
    assert max(len(one) for one in encoder.batches) == 2
    assert encoder.batches.index(["other"]) == 2
    crowd.close()


def test_what_is_cached_comes_first_and_every_spelling_of_a_text_gets_its_vector() -> None:
    encoder, cached = cache(10)
    cached.encode("known")
    composed, combining = "Am\u00e9lie", "Ame\u0301lie"
    parts = list(cached.encode_in_parts([composed, "known", combining, "new"]))
    assert [sorted(part) for part in parts] == [["known"], sorted([composed, combining, "new"])]
    assert parts[1][composed].tolist() == parts[1][combining].tolist() == vector_of(composed)
    assert (cached.hits, cached.misses) == (1, 3)
    assert cached.encode("new").tolist() == vector_of("new")
    assert len(encoder.batches) == 2


def test_a_failure_before_the_inference_reaches_everybody_of_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Full(query_encoder.Observer):
        def observe_batch(self, n_queries: int) -> None:
            if n_queries == 3:
                raise OSError(28, "No space left on device")

    encoder = HeldEncoder()
    batching = BatchingEncoder(encoder, max_batch=16, max_waiting=256, observer=Full())
    crowd = Crowd(batching, monkeypatch)
    crowd.start("first")
    assert encoder.begun.acquire(timeout=LONG_S)
    answers = [crowd.send(text) for text in ("a", "b", "c")]
    encoder.let.release(2)
    for answer in answers:
        with pytest.raises(OSError, match="No space left"):
            answer.result(LONG_S)
    assert crowd.start("next").result(LONG_S).tolist() == vector_of("next")
    crowd.close()
