"""What is asked of tastes, and that nothing asked was learnt from."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from indexing.measure.evaluate import Subject, evaluate_tastes
from indexing.measure.protocols.tastes import (
    before_the_cut,
    item_to_item,
    others_by_fold,
    personal,
    taste_protocols,
    temporal_cut,
)
from indexing.measure.systems import OURS
from indexing.measure.topic import Topic
from indexing.neighbours.likes import latest_ratings

# user a: ten ratings in order of time, those of rows 0, 2, 4, 6, 8 are likes
RATINGS = pd.DataFrame(
    {
        "row": [*range(10), 0, 2, 9],
        "user": ["a"] * 10 + ["b"] * 3,
        "value": [5.0, 1.0] * 5 + [5.0, 5.0, 5.0],
        "time": [str(number) for number in range(10)] + ["100", "101", "102"],
    }
)


def only(topics: tuple[Topic, ...], user: str) -> list[Topic]:
    return [topic for topic in topics if topic.user == user]


def test_the_future_of_a_user_is_asked_of_their_past() -> None:
    (topic,) = only(personal(RATINGS, liked_from=4.0), "a")
    assert topic.liked.tolist() == [0, 2, 4, 6]
    assert topic.ratings.tolist() == [5.0] * 4
    assert topic.seen.tolist() == list(range(8))
    assert topic.relevant.tolist() == [8]


def test_from_each_liked_item_the_others_are_asked() -> None:
    topics = only(item_to_item(RATINGS, liked_from=4.0), "a")
    assert len(topics) == 5
    for topic in topics:
        (given,) = topic.liked.tolist()
        assert topic.seen.tolist() == [given]
        assert topic.relevant.tolist() == [row for row in (0, 2, 4, 6, 8) if row != given]


def test_no_fold_learns_from_those_it_asks() -> None:
    folds = others_by_fold(RATINGS)
    assert sum(map(len, folds)) == (len(folds) - 1) * len(RATINGS)
    for topics in (item_to_item(RATINGS, liked_from=4.0), personal(RATINGS, liked_from=4.0)):
        assert topics
        for topic in topics:
            assert topic.user not in set(folds[topic.fold]["user"])


def test_one_moment_parts_all_ratings() -> None:
    table = pd.concat([RATINGS, pd.DataFrame(
        {"row": [3, 5], "user": ["a", "a"], "value": [5.0, 5.0], "time": ["103", "104"]}
    )])  # fmt: skip
    # user a rates rows 3 and 5 again later: of 13 ratings the 10 until time 101 are before
    ordered = latest_ratings(table)
    before = before_the_cut(ordered)
    assert sorted(before["time"].astype(int)) == [0, 1, 2, 4, 6, 7, 8, 9, 100, 101]
    topics = temporal_cut(ordered, liked_from=4.0)
    assert {topic.user: topic.relevant.tolist() for topic in topics} == {"a": [3, 5], "b": [9]}


def test_the_temporal_cut_learns_from_before_it_and_folds_are_shared(subject: Subject) -> None:
    protocols, folds = taste_protocols(subject.catalog)
    names = ["item to item", "personal", "temporal cut", "steered", "personal search"]
    assert [one.name for one in protocols] == names
    asked = [{topic.fold for topic in one.topics} for one in protocols]
    users = {0, 1, 2, 3, 4}
    assert asked == [users, users, {5}, users, users]
    assert len(folds) == 6


def test_too_few_users_are_told_and_nothing_breaks(subject: Subject) -> None:
    ratings = subject.catalog.ratings
    assert ratings is not None
    first = ratings.table[ratings.table["user"] == ratings.table["user"].iloc[0]]
    alone = replace(subject.catalog, ratings=replace(ratings, table=first))
    for one in evaluate_tastes(subject.snapshot, alone, n_jobs=1)[:2]:
        assert one.skipped == "too few users like enough"


def test_ratings_without_times_have_no_temporal_cut(subject: Subject) -> None:
    ratings = subject.catalog.ratings
    assert ratings is not None
    untimed = replace(ratings, table=ratings.table.drop(columns="time"))
    protocols, _ = taste_protocols(replace(subject.catalog, ratings=untimed))
    assert {one.name: one.skipped for one in protocols if one.skipped} == {
        "temporal cut": "the ratings have no time"
    }
    assert len(protocols) == 5


def test_every_protocol_has_every_system_and_its_means(subject: Subject, few_users: None) -> None:
    measured = evaluate_tastes(subject.snapshot, subject.catalog, n_jobs=1)
    names = ["item to item", "personal", "temporal cut", "steered", "personal search"]
    assert [one.protocol for one in measured] == names
    for one in measured[:2]:
        assert one.skipped is None
        assert one.n_users <= 40
        every = {line.system: line.every for line in one.lines}
        assert every["random"]["nDCG@10"] < every["EASE"]["nDCG@10"]
        assert every["popularity"]["coverage@10"] < every["random"]["coverage@10"]
        assert every["popularity"]["popularity percentile"] > 0.9
        assert one.line("popularity").differences["popularity"] is None
        gained = one.line(OURS).differences["popularity"]
        assert gained is not None
        expected = every[OURS]["nDCG@10"] - every["popularity"]["nDCG@10"]
        assert gained.mean == pytest.approx(expected)
