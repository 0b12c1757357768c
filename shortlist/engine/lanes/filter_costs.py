"""What the ways to the best rows under a filter cost: which of them is taken."""

from __future__ import annotations

from dataclasses import dataclass

_CODE = 1.0
"""Comparing a query with the code of a row, one behind the other: the unit, 0.15 µs."""

_SKIP = 1 / 80
"""Passing by the code of a row that does not pass."""

_TAKE = 1.5
"""Looking a row's code up, copying and comparing it."""

_ROW = 7.0
"""Comparing a query with a stored vector that is looked up: 1 µs."""

_FEW = 1000
"""So many stored vectors are looked up in 0.2 ms: no other way is worth what it misses."""

_SCANNED, _KEPT = 1 / 60, 1.3
"""Comparing a query with a code of four bits among others, 2.5 ns; keeping one more of the best."""

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
        """Comparing the codes of what passes, one and all."""
        return min(self._taken, self._passed_by)

    @property
    def are_few(self) -> bool:
        """Whether the stored vectors of what passes are looked up in any case."""
        return self.n_passing <= _FEW

    @property
    def are_taken(self) -> bool:
        """Whether the codes of what passes are looked up, rather than all codes gone through."""
        return self._taken < self._passed_by

    @property
    def _taken(self) -> float:
        return self.n_passing * _TAKE

    @property
    def _passed_by(self) -> float:
        return self.n_passing * _CODE + self.n_rows * _SKIP

    def scan(self, depth: float) -> float:
        """Going through all codes of four bits, without the filter, for the best so many rows."""
        return self.n_rows * _SCANNED + depth * (_KEPT + self.share * _ROW)

    def walk(self, depth: float) -> float:
        """Searching a graph so deep, without the filter."""
        return depth * _STEP
