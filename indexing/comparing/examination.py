"""How many people look at each place of a list, told from clicks on what stood at several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize_scalar

from indexing.comparing.displays import Displays
from shortlist.bundle.arrays import FloatArray, RowArray

LEAST_CLICKS = 100
"""Fewer clicks on items that stood at several places say nothing of a whole curve."""

ASSUMED = 1.0
"""The steepness where nothing can be learnt: the second place is looked at half as often."""

_STEEPEST = 4.0
_PRIOR_CLICKS = 20.0
_ROUNDS, _NEAR = 100, 1e-4


@dataclass(frozen=True)
class Examination:
    """The share of people who look at a place, of those who look at the first.

    `shares` float64 [r] are those of the first places; behind them they fall as
    rank^-`steepness`. `clicks` on items that stood at several places told it; where there were too
    few it `is_assumed`.
    """

    shares: FloatArray
    steepness: float
    clicks: int
    is_assumed: bool

    def at(self, ranks: RowArray) -> FloatArray:
        """The shares at these ranks, from 1; float64, above 0."""
        deepest = len(self.shares)
        behind = self.shares[-1] * (np.maximum(ranks, deepest) / deepest) ** -self.steepness
        known = self.shares[np.minimum(ranks, deepest) - 1]
        return np.asarray(np.where(ranks > deepest, behind, known))


def examination_of(displays: Displays) -> Examination:
    """Learnt from what stood at several places for the same request; see `Moved`."""
    return Moved.of(displays).examination()


@dataclass(frozen=True)
class Moved:
    """What stood at several places for the same request and was clicked: int64 [m].

    `pairs` numbers request and item together, `requests` int64 [p] has the request of each pair and
    `totals` its clicks; `deepest` is the last place of all that was shown.

    The position-based model says that an item is clicked where it is examined and found good:
    P(click) = θ(rank) · γ(request, item). Given how often one item was clicked in all, where it was
    clicked depends on θ alone: γ cancels out, and with it that better items stand higher. So θ is
    what makes Π over request and item of Π over rank (n θ / Σ n θ)^clicks most likely, n how often
    it stood there (Poisson counts with an effect for each request and item). Few clicks are drawn
    towards the curve rank^-η that fits best, as 20 clicks a place would. This takes the place of
    swaps: interleaving, versions and pages move the items, as in Agarwal, Zaitsev, Wang, Li, Najork
    and Joachims 2019, "Estimating position bias without intrusive interventions"; against the
    regression EM of Wang, Golbandi, Bendersky, Metzler and Najork 2018 it needs no model of γ. The
    maximum is found by the steps of Hunter 2004 (MM algorithms).
    """

    pairs: RowArray
    ranks: RowArray
    shown: RowArray
    clicks: RowArray
    requests: RowArray
    totals: RowArray
    deepest: int

    @classmethod
    def of(cls, displays: Displays) -> Self:
        """What moved of these displays."""
        names, pairs = np.unique(displays.pairs, return_inverse=True)
        totals = np.bincount(pairs, displays.clicks).astype(np.int64)
        told = (np.bincount(pairs) > 1) & (totals > 0)
        number, own = np.cumsum(told) - 1, told[pairs]
        return cls(
            pairs=number[pairs[own]],
            ranks=displays.ranks[own],
            shown=displays.shown[own],
            clicks=displays.clicks[own],
            requests=names[told] // (len(displays.names) + 1),
            totals=totals[told],
            deepest=max(1, int(displays.ranks.max(initial=1))),
        )

    def examination(
        self, times: FloatArray | None = None, *, near: Examination | None = None
    ) -> Examination:
        """How places are looked at.

        Each request counts as many `times` (float64 [q]) as said; the result is looked for `near`
        that of all of them.
        """
        n_clicks = int(self.totals.sum())
        places = np.arange(1.0, self.deepest + 1)
        if n_clicks < LEAST_CLICKS:
            return Examination(places**-ASSUMED, ASSUMED, n_clicks, is_assumed=True)
        weights = np.ones(len(self.totals)) if times is None else times[self.requests]
        low, high = (0.0, _STEEPEST) if near is None else _around(near.steepness)
        found = minimize_scalar(
            lambda steepness: -self._likelihood(places**-steepness, weights),
            bounds=(low, high), method="bounded", options={"xatol": 0.005},
        )  # fmt: skip
        curve = places ** -float(found.x)
        shares = self._most_likely(curve, weights, begin=curve if near is None else near.shares)
        return Examination(shares / shares[0], float(found.x), n_clicks, is_assumed=False)

    def _looks(self, shares: FloatArray) -> FloatArray:
        """Σ n θ of each pair, float64 [p]."""
        each = self.shown * shares[self.ranks - 1]
        return np.asarray(np.bincount(self.pairs, each, minlength=len(self.totals)), np.float64)

    def _likelihood(self, shares: FloatArray, weights: FloatArray) -> float:
        """The logarithm, up to what does not depend on the shares."""
        own = weights[self.pairs] * self.clicks * np.log(shares[self.ranks - 1])
        return float(own.sum() - (weights * self.totals * np.log(self._looks(shares))).sum())

    def _most_likely(
        self, curve: FloatArray, weights: FloatArray, *, begin: FloatArray
    ) -> FloatArray:
        places = self.ranks - 1
        clicks = np.bincount(places, weights[self.pairs] * self.clicks, minlength=len(curve))
        shares = begin
        for _ in range(_ROUNDS):
            rates = (weights * self.totals / self._looks(shares))[self.pairs]
            expected = np.bincount(places, self.shown * rates, minlength=len(curve))
            before, shares = shares, (clicks + _PRIOR_CLICKS) / (expected + _PRIOR_CLICKS / curve)
            if np.allclose(before, shares, rtol=_NEAR, atol=0):
                break
        return shares


def _around(steepness: float) -> tuple[float, float]:
    return max(0.0, steepness - 0.5), min(_STEEPEST, steepness + 0.5)
