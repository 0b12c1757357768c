"""What a protocol asks: a text, the rows that answer it, and documents changed for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

RowArray = npt.NDArray[np.int64]


def _no_rows() -> RowArray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Overlay:
    """Documents that stand in the place of others: rows int64 [r], rising, and their texts."""

    rows: RowArray = field(default_factory=_no_rows)
    documents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topic:
    """One query of a protocol.

    `relevant` int64 [m] are all the rows that answer it; `kind` names its variation within the
    protocol; `held_out` says that nothing may be learnt from it.
    """

    id: str
    text: str
    relevant: RowArray
    kind: str
    held_out: bool
    overlay: Overlay = Overlay()


@dataclass(frozen=True)
class Protocol:
    """A protocol's topics, or why this catalogue has none."""

    name: str
    topics: tuple[Topic, ...] = ()
    skipped: str | None = None
