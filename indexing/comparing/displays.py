"""What was shown for each request, at which places, and how often it was clicked there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from indexing.comparing.outcomes import clicked_items
from shortlist.bundle.arrays import RowArray
from shortlist.events.logged import LoggedQuery, QueryKind

_SHOWN_ALIKE = ("k", "cursor", "explain", "highlights", "facets")
"""What changes how much of a list is shown, and of each result, but not the list."""


@dataclass(frozen=True)
class Displays:
    """Items at places, each once: int64 [m] each.

    The item numbered `items` of the `names` (ids as text) stood for the request numbered
    `requests` of the `asked` (queries as JSON) at rank `ranks`, from 1, `shown` times, and was
    clicked `clicks` times there. `lists` (int64 [q]) is how often each request was made.
    """

    asked: tuple[str, ...]
    names: tuple[str, ...]
    lists: RowArray
    requests: RowArray
    items: RowArray
    ranks: RowArray
    shown: RowArray
    clicks: RowArray

    @property
    def pairs(self) -> RowArray:
        """One number for each request and item together, int64 [m]."""
        return self.requests * (len(self.names) + 1) + self.items


def displays_of(answers: Iterable[LoggedQuery]) -> Displays:
    """The displays of logged searches; those whose request was not kept tell nothing."""
    asked: dict[str, int] = {}
    names: dict[str, int] = {}
    lists, parts = [], [np.empty((0, 4), np.int64)]
    for one in answers:
        if one.kind is not QueryKind.SEARCH or one.request is None:
            continue
        request = asked.setdefault(_same_list(one.request), len(asked))
        if one.offset == 0:
            lists.append(request)
        clicked = clicked_items(one)
        rows = [
            (request, names.setdefault(item, len(names)), one.offset + place, item in clicked)
            for place, item in enumerate(one.shown, start=1)
        ]
        parts.append(np.array(rows, dtype=np.int64).reshape(-1, 4))
    table = np.concatenate(parts)
    keys, at = np.unique(table[:, :3], axis=0, return_inverse=True)
    at = at.ravel()
    requests, items, ranks = keys.T
    return Displays(
        tuple(asked),
        tuple(names),
        np.bincount(np.array(lists, dtype=np.int64), minlength=len(asked)),
        requests,
        items,
        ranks,
        shown=np.bincount(at, minlength=len(keys)),
        clicks=np.bincount(at, table[:, 3], minlength=len(keys)).astype(np.int64),
    )


def _same_list(request: str) -> str:
    """The request as all have it that are answered with the same list."""
    query = json.loads(request)
    kept = {name: value for name, value in query.items() if name not in _SHOWN_ALIKE}
    return json.dumps(kept, sort_keys=True)
