"""Which texts share one inference: packing by token count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_MOST_PADDING = 2.0
_SHORT = 8


def pack(lengths: Sequence[int], *, token_budget: int) -> list[npt.NDArray[np.int64]]:
    """Positions grouped into batches, longest texts first, all positions exactly once.

    A batch padded to its longest text holds at most `token_budget` tokens (one text alone may
    exceed it), and no text of it is padded to more than about twice its own length.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    batches: list[npt.NDArray[np.int64]] = []
    begin = 0
    while begin < len(order):
        longest = lengths[order[begin]]
        end = min(len(order), begin + max(1, token_budget // max(1, longest)))
        shortest = (longest - _SHORT) / _MOST_PADDING
        while lengths[order[end - 1]] < shortest:
            end -= 1
        batches.append(order[begin:end])
        begin = end
    return batches
