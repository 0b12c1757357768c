"""Sets of rows as rising arrays: looked up and merged by their order, nothing is hashed."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

N = TypeVar("N", bound=np.integer[Any])


def distinct(numbers: npt.NDArray[N]) -> npt.NDArray[N]:
    """The numbers [m], rising, each once."""
    rising = np.sort(numbers)
    if len(rising) < 2:
        return rising
    apart = np.concatenate([[True], rising[1:] != rising[:-1]])
    return np.compress(apart, rising)


def stand_in(numbers: npt.NDArray[N], rising: npt.NDArray[N]) -> npt.NDArray[np.bool_]:
    """Which of the numbers [m] are among the `rising` ones [n], bool [m]; m look-ups of log n."""
    if not len(rising):
        return np.zeros(len(numbers), dtype=np.bool_)
    places = np.minimum(np.searchsorted(rising, numbers), len(rising) - 1)
    found: npt.NDArray[np.bool_] = rising[places] == numbers
    return found
