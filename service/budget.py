"""What requests may cost: each at most so much, and all large ones at a time no more than that."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shortlist.engine.cost import cost_of
from shortlist.engine.query import Query
from shortlist.errors import InvalidParameter, Overloaded

LIGHT = 600.0
"""What costs less needs no budget: a search of 1,000 characters with 100 explained results."""


class Budget:
    """Admits requests by what they cost, in tokens (`shortlist.engine.cost`). For many threads.

    Places count requests, and one batch can be worth a thousand searches.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = float(most)
        self._mutex = threading.Lock()

    @contextmanager
    def spent_on(self, queries: Sequence[Query]) -> Iterator[None]:
        """Answer these queries within the budget.

        Raises InvalidParameter for what costs more than there is, Overloaded while others have
        spent what it needs.
        """
        cost = sum(map(cost_of, queries))
        if cost > self._most:
            raise InvalidParameter(
                "queries",
                f"expected to cost at most {self._most} in all, found about {cost:.0f} (1/2 for "
                "each character of a text, up to 256, and for each result, 1 for an explained "
                "one): send fewer queries, or ask for fewer results",
            )
        with self.held(cost if cost > LIGHT else 0.0):
            yield

    @contextmanager
    def held(self, cost: float) -> Iterator[None]:
        """Hold so much of it. Raises Overloaded while others hold what it needs."""
        self._take(cost)
        try:
            yield
        finally:
            self._take(-cost)

    def _take(self, cost: float) -> None:
        with self._mutex:
            if cost > self._free:
                raise Overloaded(
                    "other large requests are being answered already; come back in a second"
                )
            self._free -= cost
