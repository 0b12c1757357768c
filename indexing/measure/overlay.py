"""A snapshot as one topic sees it: its query encoded already, some documents changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from indexing.measure.topic import Topic
from shortlist.bundle.all_words import AllWords, part_of
from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.places import GONE, Places
from shortlist.bundle.sections.word_index import WordIndex
from shortlist.bundle.vectors import AnyVectors
from shortlist.encoder.runtime import Encoder
from shortlist.engine.conditions import Filters
from shortlist.engine.lanes.semantic import Candidates, true_scores
from shortlist.engine.row_sets import RowSet
from shortlist.engine.snapshot import Snapshot

_BLOCK_ROWS = 65_536


Encoded = tuple[Vectors, Vectors]
"""A topic's vectors: of its query float32 [dim], of its changed documents float32 [r, dim]."""


def encode_topics(encoder: Encoder, topics: Sequence[Topic]) -> list[Encoded]:
    """Encode every query and every changed document, each text once."""
    queries = list(dict.fromkeys(topic.text for topic in topics))
    vector_of = dict(zip(queries, encoder.encode_queries(queries), strict=True))
    changed = list(dict.fromkeys(text for topic in topics for text in topic.overlay.documents))
    vectors = encoder.encode(changed, prompt=encoder.settings.document_prompt)
    place_of = {text: place for place, text in enumerate(changed)}
    places = [[place_of[text] for text in topic.overlay.documents] for topic in topics]
    return [(vector_of[one.text], vectors[own]) for one, own in zip(topics, places, strict=True)]


def overlay(snapshot: Snapshot, topic: Topic, encoded: Encoded) -> Snapshot:
    """The snapshot with the topic's changed documents, retrieval there exact."""
    (query, documents), rows = encoded, topic.overlay.rows
    known = replace(snapshot, encoder=_Known({topic.text: query}))
    if not len(rows):
        return known
    overlaid = replace(known, retriever=OverlaidRetriever(snapshot.bundle.vectors, rows, documents))
    sections = snapshot.bundle.sections
    if sections.words is None or topic.overlay.words is None:
        return overlaid
    words = with_documents(sections.words, rows, topic.overlay.words)
    sections = replace(sections, words=words)
    return replace(overlaid, bundle=replace(snapshot.bundle, sections=sections))


def with_documents(words: AllWords, rows: RowArray, changed: WordIndex) -> AllWords:
    """The words with the changed documents of these rows (int64 [r]) in the place of theirs.

    As a version has them: the old ones are gone, the changed ones a part of their own.
    """
    parts = [
        replace(part, rows=np.where(np.isin(part.rows, rows), np.int32(GONE), part.rows))
        for part in words.parts
    ]
    known, n_items = words.places, words.n_documents
    segments = np.zeros(n_items, np.int16) if known.segments is None else known.segments.copy()
    entries = np.arange(n_items, dtype=np.int32) if known.entries is None else known.entries.copy()
    segments[rows], entries[rows] = len(parts), np.arange(len(rows))
    added = part_of(changed, rows.astype(np.int32))
    return AllWords((*parts, added), Places(segments, entries))


class _Known:
    """Query vectors that are known beforehand, in the place of an encoder."""

    def __init__(self, vectors: Mapping[str, Vectors]) -> None:
        self._vectors = vectors
        self.hits = self.misses = 0

    def encode(self, text: str) -> Vectors:
        return self._vectors[text]

    def encode_in_parts(self, texts: Sequence[str]) -> Iterator[dict[str, Vectors]]:
        yield {text: self.encode(text) for text in texts}


class OverlaidRetriever:
    """Answers as if some rows had other vectors; for measuring, not for serving.

    `vectors` float32 unit rows [n, dim]; `rows` int64 [r], rising, and `replaced` float32
    [r, dim] are what stands in their place. Every row is scored, whatever index there is; the
    scores of the last query vector are kept.
    """

    def __init__(self, vectors: AnyVectors, rows: RowArray, replaced: Vectors) -> None:
        self._vectors, self._rows, self._replaced = vectors, rows, replaced
        self._last: tuple[bytes, Vectors] = (b"", np.empty(0, np.float32))

    @property
    def free_depth(self) -> int:
        """All rows: every one is scored."""
        return len(self._vectors)

    def retrieve(self, query_vector: Vectors, n_candidates: int) -> Candidates:
        """The `n_candidates` best rows of all."""
        rows = RowSet.every(len(self._vectors))
        return self.retrieve_among(query_vector, n_candidates, rows, exact_up_to=len(rows))

    def retrieve_among(
        self,
        query_vector: Vectors,
        n_candidates: int,
        rows: RowSet,
        *,
        exact_up_to: int,  # noqa: ARG002  # always exact
        wanted: Filters | None = None,  # noqa: ARG002  # rows say it already
    ) -> Candidates:
        """The best of these rows."""
        scores = self.score(query_vector, rows.rows)
        order = np.argsort(-scores, kind="stable")[:n_candidates]
        return Candidates(rows.rows[order], scores[order], exact=True)

    def score(self, query_vector: Vectors, rows: RowArray) -> Vectors:
        """The true inner products of these rows, replaced ones with what replaces them."""
        key = query_vector.tobytes()
        if self._last[0] != key:
            n_items, n_replaced = len(self._vectors), len(self._rows)
            blocks = np.array_split(np.arange(n_items), 1 + n_items // _BLOCK_ROWS)
            scores = [true_scores(query_vector, self._vectors, block) for block in blocks]
            whole = np.concatenate(scores)
            whole[self._rows] = true_scores(query_vector, self._replaced, np.arange(n_replaced))
            self._last = (key, whole)
        return self._last[1][rows]
