"""Intervals that hold at every look, however often somebody looks and whenever they stop.

An ordinary 95 % interval is right at one moment chosen beforehand; who looks again and again until
it leaves zero out finds a difference in far more than 5 % of the cases where there is none. These
are confidence sequences: the whole sequence of intervals holds with the probability of its level.
Source: the normal mixture of Robbins 1970, as in Howard, Ramdas, McAuliffe and Sekhon 2021,
"Time-uniform, nonparametric, nonasymptotic confidence sequences", equation 14; for means with an
estimated variance Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, "Time-uniform central limit
theory and asymptotic confidence sequences".
"""

from __future__ import annotations

import math

import numpy as np

from shortlist.bundle.arrays import FloatArray

LEVEL = 0.95
PLANNED = 1000.0
"""At so much information the sequence is narrowest, 1.55 times as wide as an interval of one look.
The information of an estimate is the inverse of its variance: of a mean of wins and losses (+1 and
-1), or a difference of two shares near one half, about the number of searches."""


def margin(standard_error: FloatArray, *, level: float = LEVEL) -> FloatArray:
    """Half the width of the interval around an estimate, from its standard error.

    Both are float64 of one shape; where the standard error is not finite or 0 the margin is
    infinite: nothing is known there.
    """
    error = np.asarray(standard_error, dtype=np.float64)
    known = np.isfinite(error) & (error > 0)
    sound = np.where(known, error, 1.0)
    ratio = sound**-2.0 / _mixing(level)
    wide = np.sqrt((1 + 1 / ratio) * np.log((1 + ratio) / (1 - level) ** 2))
    return np.where(known, sound * wide, np.inf)


def p_value(estimate: float, standard_error: float) -> float:
    """The least 1 - level at which the interval of an estimate leaves zero out, in (0, 1].

    Always valid as the intervals are: under no difference it ever falls below p with a probability
    of p at most. Source: Johari, Koomen, Pekelis and Walsh 2022, "Always valid inference".
    """
    if not math.isfinite(standard_error) or standard_error <= 0:
        return 1.0
    ratio = standard_error**-2.0 / _mixing(LEVEL)
    z = estimate / standard_error
    return min(1.0, math.exp(0.5 * math.log1p(ratio) - 0.5 * z**2 * ratio / (1 + ratio)))


def information_for(difference: float, *, level: float = LEVEL) -> float:
    """How much information it takes for the interval to be as narrow as ± this difference."""
    low, high = 1.0, 2.0
    while float(margin(np.array(high**-0.5), level=level)) > difference:
        high *= 2
    while high - low > 0.001 * high:
        middle = (low + high) / 2
        too_wide = float(margin(np.array(middle**-0.5), level=level)) > difference
        low, high = (middle, high) if too_wide else (low, middle)
    return high


def _mixing(level: float) -> float:
    """The variance of the mixture, inverted, with which the sequence is narrowest as planned."""
    surprise = -2 * math.log(1 - level)
    return PLANNED / (surprise + math.log1p(surprise))
