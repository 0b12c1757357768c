"""Every document gets its vector, and none is encoded twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.chunks import local_chunks
from indexing.documents import HASH_DTYPE, hash_documents
from indexing.embeddings import EmbeddingCounts, KnownVectors, embed_corpus
from indexing.job import build
from shortlist.bundle.store import ArtifactStore
from shortlist.bundle.writer import SegmentWriter
from shortlist.encoder.runtime import Encoder
from tests.publishing import SEGMENT, reseal

FloatArray = npt.NDArray[np.float32]


def vector_of(text: str) -> FloatArray:
    """What the counting encoder makes of a text: two numbers that depend on all of it."""
    return np.frombuffer(hashlib.sha256(text.encode()).digest()[:2], np.uint8).astype(np.float32)


class CountingEncoder:
    """Remembers what it was asked for."""

    embedding_dim = 2

    def __init__(self) -> None:
        self.encoded: list[str] = []
        self.prompts: set[str] = set()

    def n_cut(self, texts: Sequence[str], *, prompt: str = "") -> int:
        return 0

    def encode(
        self, texts: Sequence[str], *, prompt: str, on_progress: Callable[[int], object]
    ) -> FloatArray:
        self.encoded.extend(texts)
        self.prompts.add(prompt)
        on_progress(len(texts))
        return np.array([vector_of(text) for text in texts], np.float32).reshape(-1, 2)


def known(*documents: str, scale: float = 1.0) -> KnownVectors:
    """These documents' vectors, as if a live bundle held them; `scale` marks them."""
    hashes = hash_documents(documents)
    order = np.argsort(hashes)
    vectors = np.array([scale * vector_of(text) for text in documents], np.float32)
    return KnownVectors(hashes[order], order.astype(np.int64), vectors.reshape(-1, 2))


def embed(
    folder: Path, *batches: list[str], live: KnownVectors | None = None
) -> tuple[EmbeddingCounts, CountingEncoder, FloatArray, int]:
    encoder, done = CountingEncoder(), [0]

    def count(n: int) -> None:
        done[0] += n

    writer = SegmentWriter(folder, n_entries=sum(map(len, batches)), embedding_dim=2)
    with local_chunks(cast(Encoder, encoder), prompt="p: ") as chunks:
        counts = embed_corpus(
            batches, chunks, writer, live=[live] if live else [], on_progress=count
        )
    writer.close(hash_documents([text for batch in batches for text in batch]))
    return counts, encoder, np.array(writer.vectors), done[0]


def test_documents_are_encoded_in_row_order_behind_the_prompt(tmp_path: Path) -> None:
    counts, encoder, vectors, done = embed(tmp_path, ["a", "b"], ["c"])
    np.testing.assert_array_equal(vectors, [vector_of("a"), vector_of("b"), vector_of("c")])
    assert counts == EmbeddingCounts(encoded=3, reused=0, repeated=0, cut=0)
    assert encoder.prompts == {"p: "}
    assert done == 3


def test_identical_documents_are_encoded_once_also_across_batches(tmp_path: Path) -> None:
    counts, encoder, vectors, done = embed(tmp_path, ["a", "b", "a"], ["b", "c"], ["a", "c", "c"])
    assert sorted(encoder.encoded) == ["a", "b", "c"]
    assert counts == EmbeddingCounts(encoded=3, reused=0, repeated=5, cut=0)
    np.testing.assert_array_equal(vectors, [vector_of(text) for text in "ababcacc"])
    assert done == 8


def test_known_documents_take_their_live_vectors(tmp_path: Path) -> None:
    live = known("c", "a", scale=10)
    counts, encoder, vectors, done = embed(tmp_path, ["a", "b"], ["a", "b", "c"], live=live)
    assert encoder.encoded == ["b"]
    assert counts == EmbeddingCounts(encoded=1, reused=3, repeated=1, cut=0)
    a, b, c = 10 * vector_of("a"), vector_of("b"), 10 * vector_of("c")
    np.testing.assert_array_equal(vectors, [a, b, a, b, c])
    assert done == 5


def test_a_batch_of_known_documents_encodes_nothing(tmp_path: Path) -> None:
    counts, encoder, _, done = embed(tmp_path, ["a", "b"], live=known("b", "a"))
    assert encoder.encoded == []
    assert counts == EmbeddingCounts(encoded=0, reused=2, repeated=0, cut=0)
    assert done == 2


def test_a_corpus_that_is_cut_short_is_not_closed(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, n_entries=2, embedding_dim=2)
    writer.append(hash_documents(["a", "b"]))
    writer.put(np.array([1]), np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match="expected 2 entries, found 1"):
        writer.close(hash_documents(["a", "b"]))


hashes = st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=30)


@given(hashes, hashes, st.randoms(use_true_random=False))
def test_find_gives_the_row_of_a_known_hash_and_minus_1_for_others(
    stored: list[bytes], strange: list[bytes], random: Any
) -> None:
    rows = {digest: row for row, digest in enumerate(stored)}
    order = sorted(stored)
    vectors = KnownVectors(
        np.array(order, HASH_DTYPE),
        np.array([rows[digest] for digest in order], np.int64),
        np.zeros((len(stored), 2), np.float32),
    )
    asked = [*stored, *strange]
    random.shuffle(asked)
    found = vectors.find(np.array(asked, HASH_DTYPE))
    assert found.tolist() == [rows.get(digest, -1) for digest in asked]


def test_hashes_that_differ_in_a_last_zero_byte_are_different() -> None:
    # numpy pads byte strings with zeros; of equal width that must never matter.
    one, other = b"\x01" * 15 + b"\x00", b"\x01" * 15 + b"\x02"
    vectors = KnownVectors(
        np.frombuffer(one + other, HASH_DTYPE), np.array([5, 6]), np.zeros((7, 2), np.float32)
    )
    asked = np.frombuffer(other + one + b"\x01" * 16, HASH_DTYPE)
    assert vectors.find(asked).tolist() == [6, 5, -1]


def test_hashes_that_cannot_be_read_are_named_and_nothing_is_taken_over(
    toys: Path, live: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, name = ArtifactStore(live).live_folder(), f"{SEGMENT}/documents.npy"
    hashes = np.load(folder / name)
    (folder / name).unlink()
    np.save(folder / name, hashes[1:])
    version = reseal(folder, name).name
    (live / "CURRENT").write_text(f"{version}\n")
    report = build(toys, live)
    assert (report.counts.encoded, report.counts.reused) == (3, 0)
    assert "documents.npy: expected |S16 of shape (3), found |S16 (2,)" in caplog.text


def test_documents_longer_than_the_model_reads_are_counted(tiny_export: Path) -> None:
    encoder = Encoder(tiny_export)
    most = encoder.settings.max_length - 2  # between [CLS] and [SEP]
    texts = ["a " * most, "a " * (most + 1), "short", "a " * (most - 1)]
    assert encoder.n_cut(texts) == 1
    assert encoder.n_cut(texts, prompt="a ") == 2
