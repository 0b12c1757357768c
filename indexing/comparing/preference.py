"""Which side people prefer, and whether enough of them have been seen to say so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from indexing.comparing.running import running_mean
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.attributes import Mask
from shortlist.events.always_valid import information_for, margin, p_value

LEAST_PEOPLE, LEAST_SEARCHES = 30, 50
"""Before so many decided lists, or searches of each side, of so many people nothing is said: the
intervals are those of large numbers."""


class Verdict(StrEnum):
    """What an experiment has shown so far."""

    CANDIDATE = "candidate"
    CONTROL = "control"
    UNDECIDED = "undecided"
    TOO_LITTLE = "too little"


@dataclass(frozen=True)
class Path:
    """An estimate and its interval after each observation, float64 [n] each.

    Without a difference the estimate is `neutral`. `says_enough` (bool [n]) where so many have been
    seen that the interval means something; `p_value` is that of the last.
    """

    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    says_enough: Mask
    neutral: float
    p_value: float

    @property
    def for_candidate(self) -> Mask:
        """Where the candidate is shown to be better, bool [n]."""
        return self.says_enough & (self.low > self.neutral)

    @property
    def for_control(self) -> Mask:
        """Where the control is shown to be better, bool [n]."""
        return self.says_enough & (self.high < self.neutral)


@dataclass(frozen=True)
class Preference:
    """An estimate with its interval, which holds at every look, and what it shows."""

    estimate: float
    low: float
    high: float
    p_value: float
    verdict: Verdict


def share_of_wins(won: FloatArray, people: RowArray) -> Path:
    """The share of decided lists that the candidate wins, in order of time.

    `won` float64 [n] is 1 for a win and -1 for a loss, `people` int64 [n] whose list it was.
    Under no preference the share is one half; the error is taken around that.
    """
    found = running_mean(won, people, around=0.0)
    wide = margin(found.standard_error)
    enough = (found.n_people >= LEAST_PEOPLE) & (np.arange(1, len(won) + 1) >= LEAST_SEARCHES)
    return Path(
        estimate=(1 + found.mean) / 2,
        low=np.maximum(0.0, (1 + found.mean - wide) / 2),
        high=np.minimum(1.0, (1 + found.mean + wide) / 2),
        says_enough=enough,
        neutral=0.5,
        p_value=_last_p(found.mean, found.standard_error),
    )


def difference_of_means(values: FloatArray, people: RowArray, is_candidate: Mask) -> Path:
    """The mean of the candidate's searches less that of the control's, in order of time.

    `values` float64 [n] in [0, 1], `people` int64 [n], `is_candidate` bool [n].
    """
    n = len(values)
    estimate, variance = np.zeros(n), np.zeros(n)
    enough = np.ones(n, dtype=np.bool_)
    for side, sign in ((is_candidate, 1.0), (~is_candidate, -1.0)):
        own = running_mean(values[side], people[side])
        count = np.cumsum(side.astype(np.int64))
        error = np.maximum(own.standard_error, _least_error(own.mean))
        estimate += sign * _latest(own.mean, count)
        variance += _latest(error, count) ** 2
        enough &= _latest(own.n_people.astype(np.float64), count) >= LEAST_PEOPLE
        enough &= count >= LEAST_SEARCHES
    error = np.sqrt(variance)
    wide = margin(error)
    low, high = np.maximum(-1.0, estimate - wide), np.minimum(1.0, estimate + wide)
    return Path(estimate, low, high, enough, neutral=0.0, p_value=_last_p(estimate, error))


def _latest(values: FloatArray, count: RowArray) -> FloatArray:
    """The value that was reached when so many were counted, NaN before the first."""
    return np.asarray(np.concatenate([[np.nan], values])[count])


def _last_p(estimate: FloatArray, standard_error: FloatArray) -> float:
    return p_value(float(estimate[-1]), float(standard_error[-1])) if len(estimate) else 1.0


def preference(path: Path) -> Preference | None:
    """What the last of a path's intervals says; None where a side was not observed."""
    if not len(path.estimate) or not np.isfinite(path.estimate[-1]):
        return None
    verdict = Verdict.UNDECIDED if path.says_enough[-1] else Verdict.TOO_LITTLE
    if path.for_candidate[-1]:
        verdict = Verdict.CANDIDATE
    elif path.for_control[-1]:
        verdict = Verdict.CONTROL
    return Preference(
        estimate=float(path.estimate[-1]),
        low=float(path.low[-1]),
        high=float(path.high[-1]),
        p_value=path.p_value,
        verdict=verdict,
    )


def n_decided_for(difference: float) -> int:
    """About how many decided lists tell a share of wins this far from one half from one half."""
    return round(information_for(2 * difference))


def _least_error(mean: FloatArray) -> FloatArray:
    """That of a share with one more success and one more failure: shares of 0 and 1 have one too.

    Source: Agresti and Caffo 2000.
    """
    n = np.arange(1, len(mean) + 1)
    drawn = (mean * n + 1) / (n + 2)
    return np.asarray(np.sqrt(drawn * (1 - drawn) / n))
