"""How often each place of a list is looked at, from what was shown and clicked."""

from __future__ import annotations

import numpy as np

from indexing.behaviour.acts import CLICK, IMPRESSION, Acts
from shortlist.bundle.arrays import FloatArray, RowArray

PLACES = 50
"""Places behind this are looked at as often as this one."""

_STEPS = 100
_PRIOR = 10.0
"""So many impressions say beforehand that a place is looked at as the mean of all."""


def examination(acts: Acts) -> FloatArray:
    """The chance that a place is looked at, against the first, float64 [50] in (0, 1], falling.

    Of impressions and clicks whose place is known. 1 everywhere where nothing was shown twice at
    different places, and where nobody clicked: then places cannot be told from items.
    Source: the position-based model, click = looked at x wanted, fitted by expectation and
    maximisation; Richardson et al. 2007, Chuklin et al. 2015 (3.3).
    """
    ranked = acts.of((acts.ranks > 0) & acts.are(IMPRESSION, CLICK))
    places = np.minimum(ranked.ranks, PLACES) - 1
    pairs, inverse = np.unique(ranked.rows * PLACES + places, return_inverse=True)
    clicked = ranked.are(CLICK)
    clicks = np.bincount(inverse[clicked], minlength=len(pairs)).astype(np.float64)
    shown = np.bincount(inverse[~clicked], minlength=len(pairs)).astype(np.float64)
    shown = np.maximum(shown, clicks)  # a click whose impression was lost
    items, own = np.unique(pairs // PLACES, return_inverse=True)
    if not clicks.any() or not (np.bincount(own) > 1).any():
        return np.ones(PLACES)
    return fitted(pairs % PLACES, own, shown, clicks, n_items=len(items))


def fitted(
    places: RowArray, items: RowArray, shown: FloatArray, clicks: FloatArray, *, n_items: int
) -> FloatArray:
    """The same from how often each pair of a place and an item was shown and clicked.

    `places` and `items` int64 [p], numbered from 0; `shown` and `clicks` float64 [p].
    """
    looked_at, wanted = np.full(PLACES, 0.5), np.full(n_items, 0.5)
    of_place = np.bincount(places, shown, minlength=PLACES)
    of_item = np.bincount(items, shown, minlength=n_items)
    passed = shown - clicks
    for _ in range(_STEPS):
        theta, gamma = looked_at[places], wanted[items]
        missed = np.maximum(1 - theta * gamma, 1e-12)
        seen = clicks + passed * theta * (1 - gamma) / missed
        liked = clicks + passed * gamma * (1 - theta) / missed
        mean = seen.sum() / shown.sum()
        looked_at = (np.bincount(places, seen, minlength=PLACES) + _PRIOR * mean) / (
            of_place + _PRIOR
        )
        wanted = np.bincount(items, liked, minlength=n_items) / of_item
    falling = np.minimum.accumulate(looked_at)
    return np.asarray(falling / falling[0])
