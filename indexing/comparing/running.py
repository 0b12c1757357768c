"""Means of what people did, and how sure they are, after each observation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.attributes import Mask


@dataclass(frozen=True)
class Running:
    """A mean after each of n observations, and its standard error; float64 [n] each.

    Observations of one person speak for that person together, not each for itself.
    """

    mean: FloatArray
    standard_error: FloatArray
    n_people: RowArray


def running_mean(values: FloatArray, people: RowArray, *, around: float | None = None) -> Running:
    """The mean of values (float64 [n], in order of time) of people (int64 [n], their numbers).

    The variance of the sum is Σ over people of (sum - mean · count)², so people may differ in how
    much they do and like; `around` takes the place of the mean, where that is known under no
    difference. Source: the linearised ratio with one cluster a person, as in Deng, Lu and Litz
    2017, "Trustworthy analysis of online A/B tests". Where a later observation is more like an
    earlier one of the same person than like others', the sequence crosses a bound less often than
    one of independent steps with the same variances (Slepian's inequality), so what holds at every
    look for these holds here.
    """
    n = np.arange(1, len(values) + 1, dtype=np.float64)
    order = np.argsort(people, kind="stable")
    first = np.concatenate([[True], np.diff(people[order]) != 0])[: len(order)]
    sums = _before(values[order], first)
    counts = _before(np.ones(len(values)), first)
    added = values[order]
    steps = {
        "squares": 2 * sums * added + added**2,
        "products": sums + added * (counts + 1),
        "counts": 2 * counts + 1,
    }
    total = {name: np.cumsum(_back(step, order)) for name, step in steps.items()}
    mean = np.cumsum(values) / n
    centre = mean if around is None else np.full(len(values), around)
    spread = total["squares"] - 2 * centre * total["products"] + centre**2 * total["counts"]
    return Running(
        mean=mean,
        standard_error=np.sqrt(np.maximum(spread, 0.0)) / n,
        n_people=np.cumsum(_back(first, order)).astype(np.int64),
    )


def _before(values: FloatArray, first: Mask) -> FloatArray:
    """Of each value the sum of those before it since the last that is first of its person."""
    passed = np.cumsum(values) - values
    begins = np.maximum.accumulate(np.where(first, np.arange(len(values)), 0))
    return np.asarray(passed - passed[begins] if len(values) else passed)


def _back(values: FloatArray | Mask, order: RowArray) -> FloatArray:
    """Values by person in the order of time again."""
    found = np.empty(len(values))
    found[order] = values
    return found
