"""From which score on a query is about something in this catalogue, learnt at build time."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexing.nearest import nearest_rows
from shortlist.bundle.arrays import FloatArray, Vectors
from shortlist.bundle.manifest import Section
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections import described, off_topic
from shortlist.bundle.sections.calibration import Calibration
from shortlist.bundle.sections.off_topic import SHARE, OffTopicTexts, nearest
from shortlist.bundle.vectors import AnyVectors

TOP = 10
LEAST_ITEMS = 50
"""In a smaller catalogue the ten best are a good part of all, whatever is asked."""

WRONGLY_SAID = 2.0
"""What an answer wrongly called poor counts, against 1 for a poor one that is not."""

_NEAR_QUANTILE = 0.1
_N_PROBES = 600
_SAMPLED_ROWS = 65_536
_LEAST_TEXTS = 50


def write_off_topic(
    folder: Path,
    vectors: AnyVectors,
    probes: Sequence[str],
    encode: Callable[[list[str]], Vectors],
    *,
    calibration: Calibration,
    identity: str,
    live: Bundle | None,
) -> Section | None:
    """The off-topic section, taken over from `live` when it would come out the same.

    None for a catalogue of fewer than 50 items, or one to which nearly every domain is near.
    `identity` says which encoder `encode` is, `probes` are the catalogue's own texts.
    """
    if len(vectors) < LEAST_ITEMS:
        return None
    domains, texts = shipped_texts()
    drawn = list(probes[:_N_PROBES])
    rows = np.linspace(0, len(vectors) - 1, min(len(vectors), _SAMPLED_ROWS)).astype(np.int64)
    how = (identity, len(vectors), SHARE, WRONGLY_SAID, _NEAR_QUANTILE)
    content = "\0".join([*map(str, how), *domains, *texts, *drawn]).encode()
    key = hashlib.sha256(content + vectors[rows].tobytes()).hexdigest()
    section = live.manifest.sections.get(off_topic.SECTION) if live else None
    same = section is not None and section.params.get("key") == key
    known = live.sections.off_topic if live and same else None
    found = known or learn(vectors, encode(drawn), encode(texts), domains, calibration)
    if found is None:
        return None
    off_topic.write_off_topic(folder, found)
    return described(off_topic.SECTION, key=key, threshold=round(found.threshold, 4))


def shipped_texts() -> tuple[npt.NDArray[np.str_], list[str]]:
    """The domains and the texts that come with the package, one as long as the other."""
    content = files("indexing").joinpath("off_topic.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(content.splitlines()))
    return np.array([row["domain"] for row in rows]), [row["query"] for row in rows]


def learn(
    vectors: AnyVectors,
    probes: Vectors,
    texts: Vectors,
    domains: npt.NDArray[np.str_],
    calibration: Calibration,
) -> OffTopicTexts | None:
    """The texts (unit rows [m, dim], of `domains` [m]) that are off topic here, and the threshold.

    A query's score is the unusualness of its ten best items less half its nearness to off-topic
    texts, in deviations. Of the catalogue's own `probes` the best item is left out, which is mostly
    the one they come from. A domain whose median text is as unusual as the lowest tenth of the
    probes is what the catalogue may be about, and is left out. The threshold is where texts above
    it and, twice, probes below it are fewest, as shares. None if fewer than 50 texts are left.
    """
    own = _unusualness(calibration, best_mean(vectors, probes, skip=1))
    others = _unusualness(calibration, best_mean(vectors, texts, skip=0))
    kept = _far(others, domains, least=float(np.quantile(own, _NEAR_QUANTILE)))
    if kept.sum() < _LEAST_TEXTS:
        return None
    far = texts[kept]
    off = others[kept] - SHARE * nearest(far @ far.T, skip=1) / calibration.scale
    on = own - SHARE * nearest(probes @ far.T, skip=0) / calibration.scale
    return OffTopicTexts(far, best_threshold(off, on))


def best_mean(vectors: AnyVectors, queries: Vectors, *, skip: int) -> FloatArray:
    """The mean similarity of each query's ten best items, its `skip` best left out; [q]."""
    best, _ = nearest_rows(queries, vectors, min(skip + TOP, len(vectors)))
    return np.asarray(best[:, skip:].mean(axis=1), dtype=np.float64)


def best_threshold(off: FloatArray, on: FloatArray) -> float:
    """The score with the fewest texts off topic [m] above it and texts on topic [p] below it.

    In the middle of all that are as good.
    """
    levels = np.linspace(min(off.min(), on.min()), max(off.max(), on.max()), 1000)
    missed = 1 - np.searchsorted(np.sort(off), levels) / len(off)
    wronged = np.searchsorted(np.sort(on), levels) / len(on)
    cost = missed + WRONGLY_SAID * wronged
    return float(np.median(levels[cost <= cost.min() + 1e-9]))


def _far(
    scores: FloatArray, domains: npt.NDArray[np.str_], *, least: float
) -> npt.NDArray[np.bool_]:
    """Which texts are of a domain whose median score lies below `least`, [m]."""
    far = [one for one in np.unique(domains) if np.median(scores[domains == one]) < least]
    return np.isin(domains, far)


def _unusualness(calibration: Calibration, similarities: FloatArray) -> FloatArray:
    return np.array(calibration.unusualness(*similarities.tolist()))
