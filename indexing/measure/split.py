"""Which queries may be learnt from and which only judge what was learnt."""

from __future__ import annotations

import hashlib

SEED = "shortlist-1"


def is_held_out(kind: str, key: str) -> bool:
    """Whether a query's source (a tag, an item id) belongs to the held-out half.

    Decided by the first bit of the SHA-256 of seed, kind and key, so that the split needs no
    file, is the same everywhere, and does not move when a catalogue grows.
    """
    digest = hashlib.sha256(f"{SEED}\0{kind}\0{key}".encode()).digest()
    return digest[0] >= 128
