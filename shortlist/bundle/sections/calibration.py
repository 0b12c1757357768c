"""The calibration section: how similar a query and an item are that have nothing in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import map_array
from shortlist.bundle.rules import NORM_TOLERANCE, check_range, check_rising

SECTION, VERSION = "calibration", 1
QUANTILES = "calibration.npy"
FILES = (QUANTILES,)
N_QUANTILES = 1001


@dataclass(frozen=True)
class Calibration:
    """Similarities of random query-item pairs: their quantiles 0, 0.001 … 1, float32 [1001]."""

    quantiles: npt.NDArray[np.float32]

    @cached_property
    def mean(self) -> float:
        """The mean similarity of a random pair."""
        return float(np.mean(self.quantiles))

    @cached_property
    def deviation(self) -> float:
        """The standard deviation of the similarities of random pairs."""
        return float(np.std(self.quantiles))

    @property
    def scale(self) -> float:
        """The deviation to divide by, never 0."""
        return max(self.deviation, 1e-6)

    def unusualness(self, *similarities: float) -> list[float]:
        """How many standard deviations each lies above the similarity of a random pair."""
        return [(one - self.mean) / self.scale for one in similarities]


def calibrate(similarities: npt.NDArray[np.float32]) -> Calibration:
    """The calibration that these similarities of random pairs (float32 [m]) give."""
    levels = np.linspace(0, 1, N_QUANTILES)
    return Calibration(np.quantile(similarities, levels).astype(np.float32))


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write the section's file."""
    np.save(folder / QUANTILES, calibration.quantiles)


def read_calibration(folder: Path, *, n_items: int) -> Calibration:  # noqa: ARG001  # all readers' form
    """Read the section. Raises BundleCorrupt for anything but 1001 rising similarities."""
    quantiles = map_array(folder / QUANTILES, np.float32, N_QUANTILES)
    check_range(QUANTILES, quantiles, -1 - NORM_TOLERANCE, 1 + NORM_TOLERANCE)
    check_rising(QUANTILES, quantiles)
    return Calibration(quantiles)
