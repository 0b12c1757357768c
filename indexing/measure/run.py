"""Running the protocols: every topic through every system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from indexing.measure.overlay import OverlaidRetriever
from indexing.measure.systems import System
from indexing.measure.topics import Protocol, RowArray, Topic
from shortlist.encoder.runtime import Encoder
from shortlist.engine.snapshot import Snapshot

FloatArray = npt.NDArray[np.float32]


class FixedVectors:
    """Query vectors that are known beforehand, in the place of an encoder."""

    def __init__(self, vectors: Mapping[str, FloatArray]) -> None:
        self._vectors = vectors
        self.hits = self.misses = 0

    def encode(self, text: str) -> FloatArray:
        """The float32 unit vector [dim] of one of the known texts."""
        return self._vectors[text]

    def encode_many(self, texts: Sequence[str]) -> list[FloatArray]:
        """One vector each."""
        return [self.encode(text) for text in texts]


@dataclass(frozen=True)
class Encoded:
    """A protocol's texts as vectors: queries by text, changed documents by topic."""

    queries: FixedVectors
    overlays: dict[str, FloatArray]


def encode_topics(encoder: Encoder, topics: Sequence[Topic]) -> Encoded:
    """Encode every query and every changed document, each text once."""
    texts = list(dict.fromkeys(topic.text for topic in topics))
    changed = [text for topic in topics for text in topic.overlay.documents]
    distinct = list(dict.fromkeys(changed))
    vectors = encoder.encode(distinct, prompt=encoder.settings.document_prompt)
    of_text = dict(zip(distinct, vectors, strict=True))
    return Encoded(
        queries=FixedVectors(dict(zip(texts, encoder.encode_queries(texts), strict=True))),
        overlays={
            topic.id: np.stack([of_text[text] for text in topic.overlay.documents])
            for topic in topics
            if topic.overlay.documents
        },
    )


def rankings(
    snapshot: Snapshot,
    encoder: Encoder,
    protocol: Protocol,
    systems: Sequence[System],
    *,
    depth: int,
) -> dict[str, list[RowArray]]:
    """Each system's rankings (rows int64, best first, at most `depth`), one a topic in order."""
    encoded = encode_topics(encoder, protocol.topics)
    found: dict[str, list[RowArray]] = {system.name: [] for system in systems}
    for topic in _progress(protocol):
        overlaid = overlay(snapshot, topic, encoded)
        for system in systems:
            found[system.name].append(system.rank(topic, overlaid)[:depth])
    return found


def overlay(snapshot: Snapshot, topic: Topic, encoded: Encoded) -> Snapshot:
    """The snapshot as this topic sees it: its changed documents, retrieval there exact."""
    if topic.id not in encoded.overlays:
        return replace(snapshot, encoder=encoded.queries)
    retriever = OverlaidRetriever(
        snapshot.bundle.vectors, topic.overlay.rows, encoded.overlays[topic.id]
    )
    return replace(snapshot, encoder=encoded.queries, retriever=retriever)


def _progress(protocol: Protocol) -> Iterable[Topic]:
    return tqdm(protocol.topics, desc=protocol.name, unit="query", disable=None)
