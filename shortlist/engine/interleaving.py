"""Two ranked lists shown as one, so that clicks tell which of them is better."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import RowArray

Coins = npt.NDArray[np.bool_]

NO_TEAM = -1
TEAMS = "AB"
"""The letters of the first and of the second list's team."""

_FIRST, _SECOND = 0, 1


@dataclass(frozen=True)
class Draft:
    """The first places of a list drafted from two.

    int64 [m] each: `rows`, distinct; `sides`, which of the two lists put a row there (0 or 1);
    `places`, where in that list it stands, from 0; `teams`, the side a click there speaks for,
    -1 for neither. The first `n_settled` places stay as they are whatever the lists go on with.
    """

    rows: RowArray
    sides: RowArray
    places: RowArray
    teams: RowArray
    n_settled: int

    def letters(self, first: int, last: int) -> list[str | None]:
        """The teams of the places `first` to `last` (excluded): A, B, or None."""
        return [None if team == NO_TEAM else TEAMS[team] for team in self.teams[first:last]]


def coins(seed: bytes, n: int) -> Coins:
    """So many fair coins of a seed, bool [n]; fewer of the same seed are the first of them.

    They are the bits of SHAKE-256, the same on every machine and in every version.
    """
    drawn = np.frombuffer(hashlib.shake_256(seed).digest(n // 8 + 1), np.uint8)
    return np.unpackbits(drawn)[:n].astype(np.bool_)


def team_draft(first: RowArray, second: RowArray, *, tossed: Coins, n: int) -> Draft:
    """The first `n` places of a list drafted from two lists (int64, each without repetitions).

    In each round a coin says which side begins: one of `tossed`, bool, at least n // 2 + 1 of them,
    True for the first list. Each side in turn chooses the best of its list that is not chosen yet;
    what is chosen is of the team of the side that chose it. Source: Radlinski, Kurup and Joachims
    2008, "How does clickthrough data reflect retrieval quality?", team draft.

    Two kinds of places are of no team. As long as both lists are the same from the top, whose
    choice an item was would be the coin's alone, and a click on it noise. And where one list is at
    its end, so that a round could not be finished whoever begins it, the rest has no rival.
    """
    begin = _common_beginning(first, second, n)
    drafting = _Drafting((first.tolist(), second.tolist()), begin)
    for first_begins in tossed.tolist():
        if len(drafting.chosen) >= n or not drafting.may_go_round():
            break
        order = (_FIRST, _SECOND) if first_begins else (_SECOND, _FIRST)
        for side in order:
            drafting.choose(side, team=side)
    n_settled = len(drafting.chosen)
    if n_settled < n:
        for side in (_FIRST, _SECOND):
            while len(drafting.chosen) < n and drafting.left(side):
                drafting.choose(side, team=NO_TEAM)
    rows, sides, places, teams = drafting.columns(n)
    return Draft(rows, sides, places, teams, n_settled=min(n, n_settled))


class _Drafting:
    """Two lists, and what has been chosen of them: rows, sides, places and teams, in order."""

    def __init__(self, lists: tuple[list[int], list[int]], begin: int) -> None:
        self._lists, self._at = lists, [begin, begin]
        self._taken = set(lists[_FIRST][:begin])
        self.chosen = [
            (row, _FIRST, place, NO_TEAM) for place, row in enumerate(lists[_FIRST][:begin])
        ]

    def left(self, side: int, *, but: int | None = None) -> bool:
        """Whether a side has anything to choose, one row perhaps not counted."""
        own, at = self._lists[side], self._at[side]
        while at < len(own) and own[at] in self._taken:
            at += 1
        self._at[side] = at
        while at < len(own) and (own[at] in self._taken or own[at] == but):
            at += 1
        return at < len(own)

    def may_go_round(self) -> bool:
        """Whether both sides can choose, whoever begins."""
        if not (self.left(_FIRST) and self.left(_SECOND)):
            return False
        best, other = (own[at] for own, at in zip(self._lists, self._at, strict=True))
        return best != other or (self.left(_FIRST, but=best) and self.left(_SECOND, but=best))

    def choose(self, side: int, *, team: int) -> None:
        """Put the best that is left of a side next; it must have something left."""
        self.left(side)
        place = self._at[side]
        row = self._lists[side][place]
        self._taken.add(row)
        self.chosen.append((row, side, place, team))

    def columns(self, n: int) -> RowArray:
        """The first of what was chosen, int64 [4, m]."""
        return np.array(self.chosen[:n], dtype=np.int64).reshape(-1, 4).T


def _common_beginning(first: RowArray, second: RowArray, n: int) -> int:
    """How many places both lists have alike from the top, n at most."""
    shorter = min(len(first), len(second), n)
    differ = np.flatnonzero(first[:shorter] != second[:shorter])
    return int(differ[0]) if len(differ) else shorter
