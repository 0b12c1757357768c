"""What the ways to the best rows under a filter cost: which of them is taken."""

from __future__ import annotations

from dataclasses import dataclass

_CODE = 1.0
"""Comparing a query with the code of a row, one behind the other: the unit, 0.15 µs."""

_SKIP = 1 / 80
"""Passing by the code of a row that does not pass."""

_ROW = 7.0
"""Comparing a query with a stored vector that is looked up: 1 µs."""

_STEP = 17.0
"""One more of a graph's `ef_search`: the codes of some twenty neighbours, looked up: 2.6 µs."""


@dataclass(frozen=True)
class FilterCosts:
    """Of a filter that lets `n_passing` of `n_rows` pass, in comparisons of codes.

    The figures are measured by `python -m benchmarks.filters` (SQ8 codes of 384 dimensions). Only
    how they compare with each other matters; for vectors and codes of other kinds they may choose
    what takes longer, never what finds less than it should.
    """

    n_passing: int
    n_rows: int

    @property
    def share(self) -> float:
        """Which part of the rows passes, above 0."""
        return max(1, self.n_passing) / self.n_rows

    @property
    def vectors(self) -> float:
        """Comparing the stored vectors of what passes, one and all."""
        return self.n_passing * _ROW

    @property
    def codes(self) -> float:
        """Going through all codes and comparing those of what passes."""
        return self.n_passing * _CODE + self.n_rows * _SKIP

    @property
    def are_few(self) -> bool:
        """Whether looking the stored vectors up costs least."""
        return self.vectors <= self.codes

    def walk(self, depth: float) -> float:
        """Searching a graph so deep, without the filter."""
        return depth * _STEP
