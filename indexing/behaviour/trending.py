"""Which items people turn to more than they used to."""

from __future__ import annotations

import numpy as np

from indexing.behaviour.acts import Acts
from indexing.catalog.learning import EventsConfig
from shortlist.bundle.arrays import FloatArray
from shortlist.events.event import EventType

TRENDING = "trending"
"""The name of the feature."""

_MOST = 5.0
"""A click at a place that is hardly looked at counts as at most so many at the first place."""

_USUAL = 8.0
"""The usual is counted over so many times the half-life of the recent."""


def trending(acts: Acts, config: EventsConfig, *, n_items: int) -> FloatArray:
    """How much more of each item's use is recent than its own past would have it, in [0, 1).

    (r - u) / (r + u + 2·a), below 0 put to 0, float64 [n]: r is what was done with it of late, each
    act weighing 2^(-age / half-life); u is what was done over eight times that half-life, scaled so
    that all items' r and u have one sum; a is the prior, in acts: ten clicks on an item that nobody
    knew do not win. A click counts what its place is worth: see `click_worth`.
    Source: the mean of a Gamma prior's posterior for both rates, as a contrast.
    """
    wanted = acts.of(
        acts.are(
            EventType.CLICK, EventType.LIKE, EventType.PURCHASE, EventType.RATING, EventType.VIEW
        )
    )
    if not len(wanted):
        return np.zeros(n_items)
    counts = click_worth(wanted)
    ages = wanted.ages(acts)
    recent, usual = (
        np.bincount(wanted.rows, counts * np.exp2(-ages / half_life), minlength=n_items)
        for half_life in (config.trending_days, _USUAL * config.trending_days)
    )
    usual *= recent.sum() / max(float(usual.sum()), 1e-12)
    contrast = (recent - usual) / (recent + usual + 2 * config.trending_prior)
    return np.asarray(np.maximum(contrast, 0.0))


def click_worth(acts: Acts) -> FloatArray:
    """1 for every act, and for a click 1 / (how often its place is looked at), at most 5.

    1 for clicks too where nothing could be learnt of places: float64 [m].
    """
    worth = np.ones(len(acts))
    if not acts.looked_at.is_assumed:
        clicks = acts.are(EventType.CLICK) & (acts.ranks > 0)
        worth[clicks] = np.minimum(1 / acts.looked_at.at(acts.ranks[clicks]), _MOST)
    return worth
