"""Settings of neighbours and weights of tastes, learnt from a catalogue's own ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from indexing.neighbours.blend import blend
from indexing.neighbours.held_out import HeldOut, hold_out
from indexing.neighbours.learn import Settings
from indexing.neighbours.lists import strongest
from indexing.neighbours.spectrum import Spectrum
from shortlist.bundle.arrays import FloatArray, Vectors
from shortlist.bundle.profiles import Profile
from shortlist.bundle.vectors import AnyVectors

REGULARISATIONS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
UNLIKED = (0.0, 0.3, 1.0)
LENGTHS = (Settings.per_item, 160, 320)
"""Neighbours an item: at 6 bytes each, with those of `co_liked`, at most 2.4 kB an item."""

MOST_LENGTHENED = 10_000
"""Items of which longer lists are tried: all pairs of them are looked at."""

WORTH = 0.005
"""The share of the best score that a longer list, twice as large, has to bring."""


@dataclass(frozen=True)
class Selected:
    """Settings, profiles by name, and for the manifest what both were learnt from."""

    settings: Settings
    profiles: Mapping[str, Profile]
    told: Mapping[str, float | int]


def select(
    ratings: pd.DataFrame,
    vectors: AnyVectors,
    *,
    liked_from: float,
    fixed: Mapping[str, Any] | None = None,
) -> Selected:
    """Settings and profiles by which users' last likes are best found from what they rated before.

    `ratings` has columns row (int64), user, value and perhaps time; `vectors` float32 unit rows
    [n, dim]. What `fixed` has a value for stays as it is. The score is the mean of nDCG@10 and
    Recall@20. With fewer than 50 users to ask, settings are the usual ones and there are no
    profiles.
    """
    given = {name: value for name, value in (fixed or {}).items() if value is not None}
    usual = replace(Settings(), **given)
    folds = hold_out(ratings, liked_from=liked_from)
    if not folds:
        return Selected(usual, {}, {"learnt_from_users": 0})
    settings, spectra = _best_interactions(folds, usual, given)
    if "per_item" not in given:
        settings = replace(settings, per_item=_worth_length(folds[0], spectra[0], settings))
    profiles, scores = blend(folds[:2], spectra[:2], settings, vectors)
    users = sum(fold.wanted.shape[0] for fold in folds)
    return Selected(settings, profiles, {"learnt_from_users": users, **scores})


def _best_interactions(
    folds: Sequence[HeldOut], usual: Settings, given: Mapping[str, Any]
) -> tuple[Settings, list[Spectrum]]:
    """The regularisation and the weight of other ratings of highest score, the usual ones first."""
    candidates = (usual.unliked,) if "unliked" in given else UNLIKED
    strengths = (usual.regularisation,) if "regularisation" in given else REGULARISATIONS
    best = (-1.0, usual, list[Spectrum]())
    for unliked in candidates:
        spectra = [Spectrum(fold.known.interactions(unliked)) for fold in folds]
        for strength in strengths:
            tried = replace(usual, regularisation=strength, unliked=unliked)
            score = float(np.concatenate([
                _score(fold, one.scores(fold.given.interactions(unliked), strength))
                for fold, one in zip(folds, spectra, strict=True)
            ]).mean())  # fmt: skip
            if score > best[0]:
                best = (score, tried, spectra)
    return best[1], best[2]


def _worth_length(fold: HeldOut, spectrum: Spectrum, settings: Settings) -> int:
    """The shortest lists that lose no more than is worth their bytes against the longest."""
    if len(fold.rows) > MOST_LENGTHENED:
        return settings.per_item
    given = fold.given.interactions(settings.unliked)
    longest = strongest(spectrum.blocks(settings.regularisation), per_item=LENGTHS[-1])
    strengths = -np.sort(-np.abs(longest.data))
    scores = {}
    for length in LENGTHS:
        lists = longest.copy()
        weakest = strengths[min(length * len(fold.rows), len(strengths)) - 1]
        lists.data[np.abs(lists.data) < weakest] = 0.0
        scores[length] = float(_score(fold, (given @ lists).toarray()).mean())
    least = max(scores.values()) * (1 - WORTH)
    return next(length for length in LENGTHS if scores[length] >= least)


def _score(fold: HeldOut, scores: Vectors) -> FloatArray:
    """The mean of nDCG@10 and Recall@20 of each user."""
    return np.asarray(np.mean(fold.values(scores), axis=0))
