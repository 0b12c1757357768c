"""What people like, as questions: from an item to others, from a past to its future."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from indexing.measure.topics import RowArray
from indexing.neighbours.likes import latest_ratings

FloatArray = npt.NDArray[np.float64]

ITEM_TO_ITEM, PERSONAL, TEMPORAL = "item to item", "personal", "temporal cut"
N_FOLDS = 5
SEED = 20261124
SHARE_GIVEN = 0.8
MAX_ITEMS = 5
MAX_USERS = 2000


@dataclass(frozen=True)
class TasteTopic:
    """What is known of one user, and what is to be found.

    Liked rows int64 [g] with their `ratings` float64 [g]; `seen` rows int64 are never an answer;
    `relevant` rows int64 are liked too, and are not given.
    """

    user: str
    liked: RowArray
    ratings: FloatArray
    seen: RowArray
    relevant: RowArray


@dataclass(frozen=True)
class Fold:
    """The topics of some users, and the ratings of all the others: what may be learnt from."""

    topics: tuple[TasteTopic, ...]
    others: pd.DataFrame


TopicMaker = Callable[[pd.DataFrame], Sequence[TasteTopic]]


def item_to_item(ratings: pd.DataFrame, *, liked_from: float) -> list[Fold]:
    """From one liked item to the user's other likes, five seeded folds of users.

    Each user with two likes or more gives up to five topics, their items drawn by a fixed seed.
    """
    return _folds(ratings, lambda history: _from_each(history, liked_from))


def personal(ratings: pd.DataFrame, *, liked_from: float) -> list[Fold]:
    """From the earliest 80 % of a user's ratings to the likes among the others.

    Given are the likes of the earlier part; everything in it is seen. Five seeded folds over all
    users; those without a like in either part give no topic.
    """
    return _folds(ratings, lambda history: _from_past(history, liked_from))


def temporal_cut(ratings: pd.DataFrame, *, liked_from: float) -> list[Fold]:
    """From what users liked before a moment to what they like after, one moment for all.

    Four fifths of all ratings are earlier than it; they are what is learnt from.
    """
    ordered = latest_ratings(ratings)
    n_before = int(SHARE_GIVEN * len(ordered))
    before, after = ordered.iloc[:n_before], ordered.iloc[n_before:]
    later = {str(user): table for user, table in after.groupby("user")}
    topics = [
        topic
        for user, past in before.groupby("user")
        if str(user) in later
        for topic in _topic(past, later[str(user)], liked_from)
    ]
    return [Fold(tuple(topics), before)]


def _folds(ratings: pd.DataFrame, make: TopicMaker) -> list[Fold]:
    ordered = latest_ratings(ratings)
    users = np.unique(ordered["user"].to_numpy(dtype=object).astype("U"))
    numbers = np.random.default_rng(SEED).permutation(len(users)) % N_FOLDS
    fold_of = dict(zip(users.tolist(), numbers.tolist(), strict=True))
    fold = ordered["user"].map(fold_of).to_numpy()
    asked = set(np.random.default_rng(SEED).permutation(users)[:MAX_USERS].tolist())
    return [
        Fold(
            topics=tuple(
                topic
                for user, history in ordered[fold == number].groupby("user")
                if user in asked
                for topic in make(history)
            ),
            others=ordered[fold != number],
        )
        for number in range(N_FOLDS)
    ]


def _from_each(history: pd.DataFrame, liked_from: float) -> Sequence[TasteTopic]:
    liked = history[history["value"] >= liked_from]
    if len(liked) < 2:
        return []
    user = str(history["user"].iloc[0])
    drawn = np.random.default_rng([SEED, *user.encode()]).permutation(len(liked))[:MAX_ITEMS]
    rows = liked["row"].to_numpy(np.int64)
    values = liked["value"].to_numpy(np.float64)
    return [
        TasteTopic(
            user=user,
            liked=rows[[place]],
            ratings=values[[place]],
            seen=rows[[place]],
            relevant=np.sort(np.delete(rows, place)),
        )
        for place in np.sort(drawn).tolist()
    ]


def _from_past(history: pd.DataFrame, liked_from: float) -> Sequence[TasteTopic]:
    n_given = int(SHARE_GIVEN * len(history))
    return _topic(history.iloc[:n_given], history.iloc[n_given:], liked_from)


def _topic(past: pd.DataFrame, future: pd.DataFrame, liked_from: float) -> list[TasteTopic]:
    liked = past[past["value"] >= liked_from]
    seen = past["row"].to_numpy(np.int64)
    wanted = future.loc[future["value"] >= liked_from, "row"].to_numpy(np.int64)
    relevant = np.setdiff1d(wanted, seen)
    if not len(liked) or not len(relevant):
        return []
    return [
        TasteTopic(
            user=str(past["user"].iloc[0]),
            liked=liked["row"].to_numpy(np.int64),
            ratings=liked["value"].to_numpy(np.float64),
            seen=np.sort(seen),
            relevant=relevant,
        )
    ]
