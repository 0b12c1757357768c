"""How far off a cold item's popularity is: estimated from neighbours, or taken as the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexing.features import neighbour_means
from shortlist.bundle.reader import Bundle

SEED = 20261124
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
    constant = info.mean_rating / info.scale[1]
    errors = []
    for least in LEAST_RATINGS:
        usable = np.flatnonzero(popularity.rating_count >= least)
        if len(usable) >= 10:
            hidden = _draw(usable)
            known = np.setdiff1d(np.flatnonzero(popularity.rating_count > 0), hidden)
            scores = popularity.popularity_score
            estimate = neighbour_means(bundle.vectors, hidden, known, scores[known, None])[:, 0]
            errors.append(
                ColdError(
                    least_ratings=least,
                    n_hidden=len(hidden),
                    estimated=float(np.abs(estimate - scores[hidden]).mean()),
                    constant=float(np.abs(constant - scores[hidden]).mean()),
                )
            )
    return errors


def _draw(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    n_hidden = min(MAX_HIDDEN, max(2, len(rows) // 5))
    return np.sort(np.random.default_rng(SEED).permutation(rows)[:n_hidden])
