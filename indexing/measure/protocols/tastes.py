"""What people like, as questions: from an item to others, from a past to its future."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from indexing.measure.topic import Protocol, Topic, is_held_out
from indexing.neighbours.likes import latest_ratings
from indexing.neighbours.section import liked_from

ITEM_TO_ITEM, PERSONAL, TEMPORAL = "item to item", "personal", "temporal cut"
SIMILAR, RECOMMEND = "similar", "recommend"
"""What a topic's kind asks the engine for."""

DEPTH = 50
N_FOLDS = 5
SEED = 20261124
SHARE_GIVEN = 0.8
MAX_ITEMS = 5
MAX_USERS = 2000


def taste_protocols(catalog: Catalog) -> tuple[list[Protocol], list[pd.DataFrame]]:
    """Every protocol of a taste, and by the number of a fold what may be learnt for its topics.

    The users of item to item and of personal fall into the same five folds; the temporal cut has
    one more. A protocol is skipped where the catalogue does not say who rated, or when, and where
    the other users of a fold like no two items together: nothing is learnt from them.
    """
    if catalog.ratings is None or not catalog.config.learns_neighbours:
        why = "the catalogue has no ratings by users"
        return [Protocol(name, skipped=why) for name in (ITEM_TO_ITEM, PERSONAL, TEMPORAL)], []
    ratings, least = latest_ratings(catalog.ratings.table), liked_from(catalog)
    folds = [*others_by_fold(ratings), before_the_cut(ratings)]
    teaching = {number for number, others in enumerate(folds) if _teaches(others, least)}
    found = [
        _protocol(ITEM_TO_ITEM, item_to_item(ratings, liked_from=least), teaching),
        _protocol(PERSONAL, personal(ratings, liked_from=least), teaching),
        _protocol(TEMPORAL, temporal_cut(ratings, liked_from=least), teaching),
    ]
    if "time" not in ratings:
        found[2] = Protocol(TEMPORAL, skipped="the ratings have no time")
    return found, folds


def _protocol(name: str, topics: tuple[Topic, ...], teaching: set[int]) -> Protocol:
    if not topics or not {topic.fold for topic in topics} <= teaching:
        return Protocol(name, skipped="too few users like enough")
    return Protocol(name, topics, depth=DEPTH)


def _teaches(others: pd.DataFrame, least: float) -> bool:
    likes = others.loc[others["value"] >= least, "user"]
    return bool((likes.value_counts() >= 2).any())


def item_to_item(ratings: pd.DataFrame, *, liked_from: float) -> tuple[Topic, ...]:
    """From one liked item to the user's other likes.

    Each user with two likes or more gives up to five topics, their items drawn by a fixed seed.
    Here and below `ratings` are as `latest_ratings` gives them, and topics come fold by fold.
    """
    return tuple(
        topic
        for fold, history in _histories(ratings)
        for topic in _from_each(history, liked_from, fold)
    )


def personal(ratings: pd.DataFrame, *, liked_from: float) -> tuple[Topic, ...]:
    """From the earliest 80 % of a user's ratings to the likes among the others.

    Given are the likes of the earlier part; everything in it is seen. Users without a like in
    either part give no topic.
    """
    topics: list[Topic] = []
    for fold, history in _histories(ratings):
        n_given = int(SHARE_GIVEN * len(history))
        topics += _topic(history.iloc[:n_given], history.iloc[n_given:], liked_from, fold)
    return tuple(topics)


def temporal_cut(ratings: pd.DataFrame, *, liked_from: float) -> tuple[Topic, ...]:
    """From what users liked before a moment to what they like after, one moment for all.

    Four fifths of all ratings are earlier than it; they are what is learnt from.
    """
    before = before_the_cut(ratings)
    later = dict(iter(ratings.iloc[len(before) :].groupby("user")))
    return tuple(
        topic
        for user, past in before.groupby("user")
        if user in later
        for topic in _topic(past, later[user], liked_from, N_FOLDS)
    )


def others_by_fold(ratings: pd.DataFrame) -> list[pd.DataFrame]:
    """The ratings of the users outside each of five seeded folds."""
    fold = _fold_of_each(ratings)
    return [ratings[fold != number] for number in range(N_FOLDS)]


def before_the_cut(ratings: pd.DataFrame) -> pd.DataFrame:
    """The ratings before the moment of the temporal cut."""
    return ratings.iloc[: int(SHARE_GIVEN * len(ratings))]


def _users(ratings: pd.DataFrame) -> np.ndarray:
    return np.unique(ratings["user"].to_numpy(dtype=object).astype("U"))


def _fold_of_each(ratings: pd.DataFrame) -> np.ndarray:
    users = _users(ratings)
    numbers = np.random.default_rng(SEED).permutation(len(users)) % N_FOLDS
    return ratings["user"].map(dict(zip(users.tolist(), numbers.tolist(), strict=True))).to_numpy()


def _histories(ratings: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """The fold and the ratings of up to 2,000 users, fold by fold."""
    fold = _fold_of_each(ratings)
    asked = set(np.random.default_rng(SEED).permutation(_users(ratings))[:MAX_USERS].tolist())
    for number in range(N_FOLDS):
        for user, history in ratings[fold == number].groupby("user"):
            if user in asked:
                yield number, history


def _from_each(history: pd.DataFrame, liked_from: float, fold: int) -> Sequence[Topic]:
    liked = history[history["value"] >= liked_from]
    if len(liked) < 2:
        return []
    user = str(history["user"].iloc[0])
    drawn = np.random.default_rng([SEED, *user.encode()]).permutation(len(liked))[:MAX_ITEMS]
    rows = liked["row"].to_numpy(np.int64)
    values = liked["value"].to_numpy(np.float64)
    return [
        Topic(
            id=f"{user}:{rows[place]}",
            relevant=np.sort(np.delete(rows, place)),
            kind=SIMILAR,
            held_out=is_held_out("user", user),
            user=user,
            fold=fold,
            liked=rows[[place]],
            ratings=values[[place]],
            seen=rows[[place]],
        )
        for place in np.sort(drawn).tolist()
    ]


def _topic(
    past: pd.DataFrame, future: pd.DataFrame, liked_from: float, fold: int
) -> Sequence[Topic]:
    liked = past[past["value"] >= liked_from]
    seen = past["row"].to_numpy(np.int64)
    wanted = future.loc[future["value"] >= liked_from, "row"].to_numpy(np.int64)
    relevant = np.setdiff1d(wanted, seen)
    if not len(liked) or not len(relevant):
        return []
    user = str(past["user"].iloc[0])
    return [
        Topic(
            id=user,
            relevant=relevant,
            kind=RECOMMEND,
            held_out=is_held_out("user", user),
            user=user,
            fold=fold,
            liked=liked["row"].to_numpy(np.int64),
            ratings=liked["value"].to_numpy(np.float64),
            seen=np.sort(seen),
        )
    ]
