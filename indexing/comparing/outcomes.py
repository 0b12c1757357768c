"""Logged answers of an experiment as wins, losses and clicks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from indexing.comparing.preference import (
    Path,
    Preference,
    difference_of_means,
    preference,
    share_of_wins,
)
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.attributes import Mask
from shortlist.bundle.experiment import Variant
from shortlist.engine.interleaving import TEAMS
from shortlist.events.event import EventType
from shortlist.events.logged import LoggedQuery

LIKED = frozenset({EventType.CLICK, EventType.LIKE, EventType.PURCHASE})
"""Events by which somebody says that an item of an answer was worth it."""


@dataclass(frozen=True)
class Drafted:
    """Lists drafted from both sides, in order of time: int64 [n] each.

    `gained` is how many more items of the candidate's team than of the control's were clicked,
    `clicked` how many of all, `people` whose lists they are.
    """

    gained: RowArray
    clicked: RowArray
    people: RowArray

    def path(self) -> Path:
        """The share of decided lists that the candidate wins."""
        decided = np.flatnonzero(self.gained)
        return share_of_wins(np.sign(self.gained[decided]).astype(float), self.people[decided])


@dataclass(frozen=True)
class Apart:
    """Searches that one side or the other ranked, in order of time.

    `clicked` (int64 [n]) items of each were clicked, `is_candidate` (bool [n]) says by which side
    it was ranked, `people` (int64 [n]) who asked.
    """

    clicked: RowArray
    is_candidate: Mask
    people: RowArray

    def path(self) -> Path:
        """The share of searches with a click, the candidate's less the control's."""
        return difference_of_means((self.clicked > 0).astype(float), self.people, self.is_candidate)


@dataclass(frozen=True)
class Wins:
    """What drafted lists have shown.

    `lists` were shown, on `clicked` of which something was clicked: `wins` are the candidate's,
    `losses` the control's, `ties` neither's. `share` is that of wins among those decided.
    `sign_test` is the two-sided p of as uneven a division by fair coins; unlike the interval it
    holds for one look, at a moment chosen beforehand, and takes every list for somebody else's.
    """

    lists: int
    clicked: int
    wins: int
    losses: int
    ties: int
    share: Preference | None
    sign_test: float


@dataclass(frozen=True)
class SideClicks:
    """How many searches one side ranked, of how many people, and the share with a click."""

    searches: int
    people: int
    clicked: float | None


@dataclass(frozen=True)
class Rates:
    """What searches apart have shown: each side's clicks, and the difference of their shares."""

    control: SideClicks
    candidate: SideClicks
    difference: Preference | None


class Collected:
    """What outcomes are made of, taken from logged answers one by one, in order of their times."""

    def __init__(self) -> None:
        self._people: dict[str, int] = {}
        self._drafted: list[tuple[int, int, int]] = []
        self._apart: list[tuple[int, bool, int]] = []

    def add(self, answers: Iterable[LoggedQuery]) -> None:
        """Take answers of one experiment, with their outcomes."""
        for one in answers:
            clicked = clicked_items(one)
            person = self._people.setdefault(_who(one), len(self._people))
            if one.teams is not None:
                teams = [team for item, team in zip(one.shown, one.teams, strict=False)
                         if item in clicked]  # fmt: skip
                gained = teams.count(TEAMS[1]) - teams.count(TEAMS[0])
                self._drafted.append((gained, len(clicked), person))
            elif one.variant is not None:
                is_candidate = one.variant == Variant.CANDIDATE
                self._apart.append((len(clicked), is_candidate, person))

    @property
    def drafted(self) -> Drafted:
        """The drafted lists so far."""
        return Drafted(*np.array(self._drafted, dtype=np.int64).reshape(-1, 3).T)

    @property
    def apart(self) -> Apart:
        """The searches so far that were ranked by one side."""
        clicked, is_candidate, people = np.array(self._apart, dtype=np.int64).reshape(-1, 3).T
        return Apart(clicked, is_candidate.astype(np.bool_), people)


def wins_of(drafted: Drafted) -> Wins:
    """What drafted lists have shown."""
    wins, losses = int((drafted.gained > 0).sum()), int((drafted.gained < 0).sum())
    clicked = int((drafted.clicked > 0).sum())
    return Wins(
        lists=len(drafted.gained),
        clicked=clicked,
        wins=wins,
        losses=losses,
        ties=clicked - wins - losses,
        share=preference(drafted.path()),
        sign_test=sign_test(wins, losses),
    )


def rates_of(apart: Apart) -> Rates:
    """What searches apart have shown."""
    return Rates(
        control=_side(apart, ~apart.is_candidate),
        candidate=_side(apart, apart.is_candidate),
        difference=preference(apart.path()),
    )


def sign_test(wins: int, losses: int) -> float:
    """How likely fair coins divide as unevenly as this, or more, in [0, 1]."""
    n, less = wins + losses, min(wins, losses)
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(less + 1)
    ]
    tail = math.fsum(math.exp(one - n * math.log(2)) for one in logs)
    return min(1.0, 2 * tail)


def clicked_items(answer: LoggedQuery) -> set[str]:
    """The shown items of an answer that somebody clicked, liked or bought, ids as text."""
    named = {str(one.item_id) for one in answer.outcomes if one.type in LIKED}
    return named & set(answer.shown)


def _who(answer: LoggedQuery) -> str:
    """Whom an answer is counted for: a user, else a session, else nobody but itself."""
    if answer.user is not None:
        return f"user {answer.user}"
    return f"query {answer.query_id}" if answer.session is None else f"session {answer.session}"


def _side(apart: Apart, own: Mask) -> SideClicks:
    n = int(own.sum())
    share = float((apart.clicked[own] > 0).mean()) if n else None
    return SideClicks(n, len(np.unique(apart.people[own])), share)
