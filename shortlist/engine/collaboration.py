"""Whether what others like has a say in an answer, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from shortlist.bundle.manifest import TASTE_FEATURES
from shortlist.engine.lanes.neighbour import NeighbourScores, Taste, score_neighbours
from shortlist.engine.plan import Plan
from shortlist.engine.snapshot import Snapshot


class Reason(StrEnum):
    """Why an answer rests on text and popularity alone."""

    NO_NEIGHBOURS = "bundle_without_neighbours"
    NOT_WEIGHED = "profile_without_neighbours"
    NOTHING_LIKED = "nothing_liked"
    NOBODY_LIKES = "liked_by_nobody"


@dataclass(frozen=True)
class Collaboration:
    """What others like, in an answer for a taste.

    Of the `given` items `known` have neighbours: somebody likes them together with others. `used`
    says that neighbours brought candidates and features; if not, text and popularity alone decided,
    for the `reason`: the bundle has no neighbours (its ratings name no users, nobody likes two
    items, or it was built without), nothing that is liked was given, the profile weighs neither
    `collaborative` nor `co_liked`, or nobody likes what was given together with anything else.
    """

    used: bool
    given: int
    known: int
    reason: Reason | None


def collaborate(
    snapshot: Snapshot, taste: Taste, plan: Plan
) -> tuple[NeighbourScores | None, Collaboration]:
    """What the neighbours of a taste say; None with the reason where they say nothing."""
    neighbours = snapshot.bundle.sections.neighbours
    known = (
        np.zeros(len(taste.rows), np.bool_) if neighbours is None else neighbours.knows(taste.rows)
    )
    liked = taste.weights > 0
    reason = None
    if neighbours is None:
        reason = Reason.NO_NEIGHBOURS
    elif not liked.any():
        reason = Reason.NOTHING_LIKED
    elif not any(plan.weights.get(feature) for feature in TASTE_FEATURES):
        reason = Reason.NOT_WEIGHED
    elif not (known & liked).any():
        reason = Reason.NOBODY_LIKES
    told = Collaboration(reason is None, len(taste.rows), int(known.sum()), reason)
    if neighbours is None or reason is not None:
        return None, told
    wanted = [feature for feature in TASTE_FEATURES if feature in plan.weights]
    return score_neighbours(neighbours, taste, wanted), told
