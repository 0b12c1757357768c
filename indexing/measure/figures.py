"""What an evaluation found."""

from __future__ import annotations

from dataclasses import dataclass

from indexing.measure.cold import ColdError
from indexing.measure.metrics import Difference
from indexing.measure.off_topic import OffTopic
from indexing.measure.taste import TasteMeasured


@dataclass(frozen=True)
class Line:
    """One system on one protocol: the means of its metrics, over all queries and held-out ones.

    `difference` is that of the protocol's first metric to the reference system, held-out
    queries only; None for the reference itself.
    """

    system: str
    every: dict[str, float]
    held_out: dict[str, float]
    difference: Difference | None


@dataclass(frozen=True)
class Measured:
    """One protocol's lines, or why it was skipped."""

    protocol: str
    metrics: tuple[str, ...]
    n_queries: int
    n_held_out: int
    reference: str
    lines: tuple[Line, ...]
    skipped: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured of one version."""

    catalog: str
    version: str
    precision: str
    n_items: int
    default_profile: str
    measured: tuple[Measured, ...]
    tastes: tuple[TasteMeasured, ...]
    cold: tuple[ColdError, ...]
    off_topic: OffTopic | None
