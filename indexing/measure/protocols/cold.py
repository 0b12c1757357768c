"""How far off a cold item's popularity is: estimated from neighbours, or taken as the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexing.features import nearest_means
from indexing.measure.topic import SEED
from shortlist.bundle.reader import Bundle

MAX_HIDDEN = 2000
LEAST_RATINGS = (1, 5, 20)


@dataclass(frozen=True)
class ColdError:
    """Mean absolute errors of popularity scores (0 to 1) of items whose ratings were hidden.

    `least_ratings` says how many ratings an item had to have to be hidden; `estimated` is the
    error of the neighbours' estimate, `constant` that of always using C.
    """

    least_ratings: int
    n_hidden: int
    estimated: float
    constant: float


def cold_errors(bundle: Bundle) -> list[ColdError]:
    """Hide the ratings of a seeded fifth of the rated items, estimate them, and compare.

    Empty for a catalogue without ratings, or with too few to hide some.
    """
    popularity, info = bundle.items.popularity, bundle.manifest.popularity
    if popularity is None or info is None:
        return []
    constant = info.prior_mean / info.scale[1]
    counts, scores, errors = popularity.rating_count, popularity.popularity_score, []
    for least in LEAST_RATINGS:
        usable = np.flatnonzero(counts >= least)
        if len(usable) >= 10:
            n_hidden = min(MAX_HIDDEN, max(2, len(usable) // 5))
            hidden = np.sort(np.random.default_rng(SEED).permutation(usable)[:n_hidden])
            known = np.setdiff1d(np.flatnonzero(counts > 0), hidden)
            estimate = nearest_means(bundle.vectors, hidden, known, scores[known, None])[:, 0]
            found, taken = (np.abs(one - scores[hidden]).mean() for one in (estimate, constant))
            errors.append(ColdError(least, n_hidden, float(found), float(taken)))
    return errors
