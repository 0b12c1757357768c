"""Whether an encoder reproduces vectors that were stored when its model was exported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np

from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import Encoder, Vectors
from shortlist.errors import EncoderError

CANARY_TEXTS = "canaries.json"
CANARY_VECTORS = "canaries.npy"

_ALONE = 5

LOWEST_COSINE = {Precision.F32: 0.99999, Precision.BF16: 0.999, Precision.INT8: 0.99}


@dataclass(frozen=True)
class Canaries:
    """Texts and the float32 unit vectors [n, dim] that sentence-transformers gave for them."""

    texts: tuple[str, ...]
    vectors: Vectors


def canary_texts() -> tuple[str, ...]:
    """Texts of every length and script: what an export gets wrong, it gets wrong on these."""
    return (
        "",
        "a",
        "Space travel and futuristic wars",
        "Toy Story (1995) Adventure|Animation|Children|Comedy|Fantasy pixar pixar fun",
        "the quick brown fox jumps over the lazy dog",
        "wireless noise-cancelling headphones, 30 h battery, USB-C",
        "How do I get a refund for an order that never arrived?",
        "Amélie — Le Fabuleux Destin d'Amélie Poulain",
        "naïve façade, coöperate, Ångström, El Niño",
        "七人の侍 黒澤明",
        "Броненосец «Потёмкин»",
        "مدينة الأحزان والموسيقى",
        "שלום עולם, סרט על אהבה ומלחמה",
        "😀🚀🎬 👩‍👩‍👧‍👦 ✨",
        "12345 67890 3.14159 1e-9 0xDEADBEEF",
        "!!! ??? ... ,,, ;;; ((( )))",
        "UPPER CASE TEXT AND lower case text",
        "supercalifragilisticexpialidocious antidisestablishmentarianism",
        "one two three four five six seven eight nine ten " * 6,
        "word " * 1000,
    )


def read_canaries(folder: Path) -> Canaries:
    """The canaries stored beside an export. Raises EncoderError when they are unusable."""
    try:
        texts = json.loads((folder / CANARY_TEXTS).read_text(encoding="utf-8"))
        vectors = np.load(folder / CANARY_VECTORS, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError, RecursionError, TokenError) as error:
        raise EncoderError(f"{folder}: canaries cannot be read: {error}") from error
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise EncoderError(f"{folder / CANARY_TEXTS}: expected a list of texts")
    if vectors.dtype != np.float32 or not np.isfinite(vectors).all():
        raise EncoderError(f"{folder / CANARY_VECTORS}: expected finite float32 vectors")
    return Canaries(tuple(texts), vectors)


def write_canaries(canaries: Canaries, folder: Path) -> None:
    """Store the canaries beside an export."""
    text = json.dumps(canaries.texts, ensure_ascii=True, indent=1)
    (folder / CANARY_TEXTS).write_text(f"{text}\n", encoding="utf-8")
    np.save(folder / CANARY_VECTORS, canaries.vectors)


def check_export(encoder: Encoder, canaries: Canaries) -> float:
    """The lowest cosine over the canaries, alone in their batches and padded together.

    Raises EncoderError when it is below what the encoder's precision allows.
    """
    apart = encoder.encode(canaries.texts, token_budget=1)
    together = encoder.encode_together(canaries.texts)
    return min(_check(encoder, canaries, apart), _check(encoder, canaries, together))


def check_canaries(encoder: Encoder, canaries: Canaries) -> float:
    """The lowest cosine over the canaries, packed as texts are in use, the short ones alone too.

    Raises EncoderError when it is below what the encoder's precision allows, or when the graph
    cannot be run as its settings say.
    """
    try:
        return _lowest(encoder, canaries)
    except (RuntimeError, ValueError) as error:
        raise EncoderError(f"the model cannot be run on its canaries: {error}") from error


def _lowest(encoder: Encoder, canaries: Canaries) -> float:
    packed = _check(encoder, canaries, encoder.encode(canaries.texts))
    short = Canaries(canaries.texts[:_ALONE], canaries.vectors[:_ALONE])
    alone = np.concatenate([encoder.encode([text]) for text in short.texts])
    return min(packed, _check(encoder, short, alone))


def _check(encoder: Encoder, canaries: Canaries, vectors: Vectors) -> float:
    if canaries.vectors.shape != vectors.shape:
        raise EncoderError(
            f"canaries of shape {canaries.vectors.shape}, the encoder gives {vectors.shape}"
        )
    cosines = (vectors * canaries.vectors).sum(axis=1)
    worst = float(cosines.min())
    if not worst >= LOWEST_COSINE[encoder.precision]:
        text = canaries.texts[int(cosines.argmin())]
        raise EncoderError(
            f"the encoder does not reproduce its stored vectors: cosine {worst:.6f} for"
            f" {text[:40]!r}, expected at least {LOWEST_COSINE[encoder.precision]} in"
            f" {encoder.precision}"
        )
    return worst
