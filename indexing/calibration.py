"""How similar a query and an item are that have nothing in common, measured at build time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from shortlist.bundle.arrays import Vectors
from shortlist.bundle.manifest import Section
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections import calibration, described
from shortlist.bundle.sections.calibration import calibrate
from shortlist.bundle.vectors import AnyVectors

_TEXTS = 256
_ROWS = 512


def write_calibration(
    folder: Path,
    vectors: AnyVectors,
    texts: Sequence[str],
    encode: Callable[[list[str]], Vectors],
    *,
    identity: str,
    live: Bundle | None,
) -> Section:
    """The calibration section; taken over from `live` when it would come out the same.

    256 of the catalogue's own `texts` stand for queries, each paired with 512 items drawn at
    random. `identity` says which encoder `encode` is.
    """
    rng = np.random.default_rng(0)
    drawn = [texts[place] for place in rng.integers(0, len(texts), _TEXTS)]
    rows = rng.integers(0, len(vectors), _ROWS)
    sample = vectors[rows]
    content = "\0".join([identity, *drawn]).encode() + sample.tobytes()
    key = hashlib.sha256(content).hexdigest()
    section = live.manifest.sections.get(calibration.SECTION) if live else None
    same = section is not None and section.params.get("key") == key
    known = live.sections.calibration if live and same else None
    found = known or calibrate((encode(drawn) @ sample.T).ravel())
    calibration.write_calibration(folder, found)
    return described(calibration.SECTION, key=key)
