"""What a protocol asks: a text or liked items, and the rows that answer it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.sections.word_index import WordIndex

SEED = 20261124
"""Of every draw of an evaluation."""


def _no_rows() -> RowArray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Overlay:
    """Documents that stand in the place of others: rows int64 [r], rising, and their texts.

    `words` is the word index of these documents alone, numbered as the rows are.
    """

    rows: RowArray = field(default_factory=_no_rows)
    documents: tuple[str, ...] = ()
    words: WordIndex | None = None


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One question, by a text or by what somebody likes.

    `relevant` int64 [m] are all the rows that answer it; `kind` names its variation within the
    protocol; `held_out` says that nothing may be learnt from it. A taste is that of a `user`:
    liked rows int64 [g] with their `ratings` float64 [g], earliest first, and the rows int64 that
    were `seen` and never are an answer, of these the ones rated lower, `others`, with their
    `other_ratings`; `fold` numbers the users that nothing is learnt from. A
    text beside a taste has all its `carriers`, rows int64. `similar` asks for items like the one
    that is liked, otherwise what is liked is a taste.
    """

    id: str
    relevant: RowArray
    kind: str
    held_out: bool
    text: str = ""
    overlay: Overlay = Overlay()
    user: str = ""
    fold: int = 0
    liked: RowArray = field(default_factory=_no_rows)
    ratings: FloatArray = field(default_factory=lambda: np.empty(0))
    others: RowArray = field(default_factory=_no_rows)
    other_ratings: FloatArray = field(default_factory=lambda: np.empty(0))
    seen: RowArray = field(default_factory=_no_rows)
    carriers: RowArray = field(default_factory=_no_rows)
    similar: bool = False


@dataclass(frozen=True)
class Protocol:
    """A protocol's topics, or why this catalogue has none; rankings are looked at to `depth`."""

    name: str
    topics: tuple[Topic, ...] = ()
    skipped: str | None = None
    depth: int = 1000


def is_held_out(kind: str, key: str) -> bool:
    """Whether a query's source (a tag, an item id, a user) belongs to the held-out half.

    Decided by the first bit of the SHA-256 of seed, kind and key, so that the split needs no
    file, is the same everywhere, and does not move when a catalogue grows.
    """
    return hashlib.sha256(f"shortlist-1\0{kind}\0{key}".encode()).digest()[0] >= 128
