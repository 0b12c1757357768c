"""What people like, as questions: from an item to others, from a past to its future."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from indexing.measure.protocols.steered import STEERED, drawn_text, steered, steering_texts
from indexing.measure.topic import SEED, Protocol, Topic, is_held_out
from indexing.neighbours.likes import latest_ratings
from indexing.neighbours.section import liked_from
from shortlist.bundle.arrays import RowArray

ITEM_TO_ITEM, PERSONAL, TEMPORAL = "item to item", "personal", "temporal cut"
SEARCHED = "personal search"

DEPTH = 50
N_FOLDS = 5
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
        return [Protocol(name, skipped=why) for name in (*_ASKED, STEERED, SEARCHED)], []
    ratings, least = latest_ratings(catalog.ratings.table), liked_from(catalog)
    folds = [*others_by_fold(ratings), before_the_cut(ratings)]
    likers = [others.loc[others["value"] >= least, "user"] for others in folds]
    teaching = {fold for fold, users in enumerate(likers) if users.duplicated().any()}
    found = []
    texts = steering_texts(catalog)
    asked: dict[str, Callable[..., tuple[Topic, ...]]] = {
        **_ASKED,
        STEERED: partial(steered_topics, texts=texts),
        SEARCHED: partial(searched, texts=texts),
    }
    for name, topics_of in asked.items():
        topics = topics_of(ratings, liked_from=least)
        if name == TEMPORAL and "time" not in ratings:
            found.append(Protocol(name, skipped="the ratings have no time"))
        elif name in {STEERED, SEARCHED} and not texts:
            found.append(Protocol(name, skipped="no tag or category is carried by enough items"))
        elif topics and {topic.fold for topic in topics} <= teaching:
            found.append(Protocol(name, topics, depth=DEPTH))
        else:
            found.append(Protocol(name, skipped="too few users like enough"))
    return found, folds


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

    Given are the ratings of the earlier part, by which alone what is liked is known. Users without
    a like in either part give no topic.
    """
    topics: list[Topic] = []
    for fold, history in _histories(ratings):
        n_given = int(SHARE_GIVEN * len(history))
        topics += _topic(history.iloc[:n_given], history.iloc[n_given:], liked_from, fold)
    return tuple(topics)


def searched(
    ratings: pd.DataFrame, *, liked_from: float, texts: Mapping[str, RowArray]
) -> tuple[Topic, ...]:
    """From a text that somebody known searches for to what they like of all that carries it.

    Known are the earlier 80 % of a user's ratings, the text is a category or a tag that some of
    their later likes carries, drawn by a fixed seed, and relevant are those of them that do.
    """
    topics = []
    for topic in personal(ratings, liked_from=liked_from):
        text = drawn_text(topic.user, topic.relevant, texts, but=topic.liked[:0])
        if text is not None:
            found = np.intersect1d(topic.relevant, texts[text])
            topics.append(
                replace(
                    topic,
                    id=f"{topic.user}:{text}",
                    text=text.partition(":")[2],
                    kind=SEARCHED,
                    relevant=found,
                    carriers=texts[text],
                )
            )
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


_ASKED = {ITEM_TO_ITEM: item_to_item, PERSONAL: personal, TEMPORAL: temporal_cut}


def steered_topics(
    ratings: pd.DataFrame, *, liked_from: float, texts: Mapping[str, RowArray]
) -> tuple[Topic, ...]:
    """A text beside one to three likes of each user, see `steered`."""
    return tuple(
        topic
        for fold, history in _histories(ratings)
        for topic in steered(
            str(history["user"].iloc[0]), fold, history[history["value"] >= liked_from], texts
        )
    )


def others_by_fold(ratings: pd.DataFrame) -> list[pd.DataFrame]:
    """The ratings of the users outside each of five seeded folds."""
    _, fold = _users(ratings)
    return [ratings[fold != number] for number in range(N_FOLDS)]


def before_the_cut(ratings: pd.DataFrame) -> pd.DataFrame:
    """The ratings before the moment of the temporal cut."""
    return ratings.iloc[: int(SHARE_GIVEN * len(ratings))]


def _users(ratings: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """All users, and the fold of each rating's user."""
    users = np.unique(ratings["user"].to_numpy(dtype=object).astype("U"))
    numbers = np.random.default_rng(SEED).permutation(len(users)) % N_FOLDS
    fold_of = dict(zip(users.tolist(), numbers.tolist(), strict=True))
    return users, ratings["user"].map(fold_of).to_numpy()


def _histories(ratings: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """The fold and the ratings of up to 2,000 users, fold by fold."""
    users, fold = _users(ratings)
    asked = set(np.random.default_rng(SEED).permutation(users)[:MAX_USERS].tolist())
    for number in range(N_FOLDS):
        for user, history in ratings[fold == number].groupby("user"):
            if user in asked:
                yield number, history


def _from_each(history: pd.DataFrame, liked_from: float, fold: int) -> list[Topic]:
    liked = history[history["value"] >= liked_from]
    if len(liked) < 2:
        return []
    user = str(history["user"].iloc[0])
    drawn = np.random.default_rng([SEED, *user.encode()]).permutation(len(liked))[:MAX_ITEMS]
    rows, values = liked["row"].to_numpy(np.int64), liked["value"].to_numpy(np.float64)
    return [
        Topic(
            id=f"{user}:{rows[place]}",
            relevant=np.sort(np.delete(rows, place)),
            kind=ITEM_TO_ITEM,
            similar=True,
            held_out=is_held_out("user", user),
            user=user,
            fold=fold,
            liked=rows[[place]],
            ratings=values[[place]],
            seen=rows[[place]],
        )
        for place in np.sort(drawn).tolist()
    ]


def _topic(past: pd.DataFrame, future: pd.DataFrame, liked_from: float, fold: int) -> list[Topic]:
    liked, others = past[past["value"] >= liked_from], past[past["value"] < liked_from]
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
            kind=PERSONAL,
            held_out=is_held_out("user", user),
            user=user,
            fold=fold,
            liked=liked["row"].to_numpy(np.int64),
            ratings=liked["value"].to_numpy(np.float64),
            others=others["row"].to_numpy(np.int64),
            other_ratings=others["value"].to_numpy(np.float64),
            seen=np.sort(seen),
        )
    ]
