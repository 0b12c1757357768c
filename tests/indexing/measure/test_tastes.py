"""What is asked of tastes, and that nothing asked was learnt from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from indexing.features import rating_percentile
from indexing.measure import tastes
from indexing.measure.evaluate import Subject
from indexing.measure.others import learnt_from
from indexing.measure.taste import by_user, evaluate_tastes
from indexing.measure.taste_systems import (
    OURS,
    Linear,
    PopularTaste,
    RandomTaste,
    TasteEngine,
    item_knn,
    whole_ease,
)
from indexing.measure.tastes import TasteTopic, item_to_item, personal, temporal_cut
from indexing.neighbours.learn import learn_neighbours

# user a: ten ratings in order of time, those of rows 0, 2, 4, 6, 8 are likes
RATINGS = pd.DataFrame(
    {
        "row": [*range(10), 0, 2, 9],
        "user": ["a"] * 10 + ["b"] * 3,
        "value": [5.0, 1.0] * 5 + [5.0, 5.0, 5.0],
        "time": [str(number) for number in range(10)] + ["100", "101", "102"],
    }
)


def only(folds: list[tastes.Fold], user: str) -> list[TasteTopic]:
    return [topic for fold in folds for topic in fold.topics if topic.user == user]


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
    for folds in (item_to_item(RATINGS, liked_from=4.0), personal(RATINGS, liked_from=4.0)):
        for fold in folds:
            assert not {topic.user for topic in fold.topics} & set(fold.others["user"])
        assert sum(len(fold.others) for fold in folds) == (len(folds) - 1) * len(RATINGS)


def test_one_moment_parts_all_ratings() -> None:
    table = pd.concat([RATINGS, pd.DataFrame(
        {"row": [3, 5], "user": ["a", "a"], "value": [5.0, 5.0], "time": ["103", "104"]}
    )])  # fmt: skip
    (fold,) = temporal_cut(table, liked_from=4.0)
    # user a rates rows 3 and 5 again later: of 13 ratings the 10 until time 101 are before
    assert sorted(fold.others["time"].astype(int)) == [0, 1, 2, 4, 6, 7, 8, 9, 100, 101]
    wanted = {topic.user: topic.relevant.tolist() for topic in fold.topics}
    assert wanted == {"a": [3, 5], "b": [9]}


def test_a_user_weighs_once_however_many_questions() -> None:
    users = np.array(["b", "a", "b", "b"])
    assert by_user(users, np.array([1.0, 5.0, 2.0, 3.0])).tolist() == [5.0, 2.0]


@pytest.fixture
def few_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tastes, "MAX_USERS", 40)


def test_what_others_like_is_learnt_without_those_left_out(subject: Subject) -> None:
    ratings = subject.catalog.ratings
    assert ratings is not None
    table = ratings.table
    kept = table[table["user"] != table["user"].iloc[0]]
    learnt = learnt_from(subject.snapshot, subject.catalog, kept)
    popularity = learnt.snapshot.bundle.items.popularity
    assert popularity is not None
    assert popularity.rating_count.tolist() == (
        kept.groupby("row").size().reindex(range(subject.bundle.n_items), fill_value=0).tolist()
    )
    assert subject.bundle.items.popularity is not popularity
    features, neighbours = (
        learnt.snapshot.bundle.sections.features,
        learnt.snapshot.bundle.sections.neighbours,
    )
    assert features is not None
    assert neighbours is not None
    assert np.array_equal(
        features.columns["rating_percentile"], rating_percentile(popularity.rating_count)
    )
    again = learn_neighbours(learnt.likes, n_items=subject.bundle.n_items, quiet=True)
    assert again is not None
    own = subject.bundle.sections.neighbours
    assert own is not None
    assert np.array_equal(neighbours.co_liked.weights, again.neighbours.co_liked.weights)
    assert not np.array_equal(neighbours.co_liked.weights, own.co_liked.weights)
    assert learnt.likes.matrix.shape[0] <= kept["user"].nunique()


def test_systems_answer_with_unseen_items_only(subject: Subject, few_users: None) -> None:
    assert subject.catalog.ratings is not None
    folds = personal(subject.catalog.ratings.table, liked_from=4.0)
    fold = next(fold for fold in folds if fold.topics)
    learnt = learnt_from(subject.snapshot, subject.catalog, fold.others)
    for system in (
        RandomTaste(),
        PopularTaste(),
        Linear("knn", item_knn),
        Linear("ease", whole_ease),
        TasteEngine(OURS, None, {}),
    ):
        rank = system.prepare(learnt)
        for topic in fold.topics[:3]:
            rows = rank(topic)
            assert 0 < len(rows) <= 50
            assert len(set(rows.tolist())) == len(rows)
            assert not set(rows.tolist()) & set(topic.seen.tolist())


def test_ease_reference_is_the_sum_of_its_rows(subject: Subject, few_users: None) -> None:
    assert subject.catalog.ratings is not None
    fold = personal(subject.catalog.ratings.table, liked_from=4.0)[0]
    learnt = learnt_from(subject.snapshot, subject.catalog, fold.others)
    weights = whole_ease(learnt.likes.matrix)
    topic = fold.topics[0]
    columns = [learnt.likes.rows.tolist().index(row) for row in topic.liked.tolist()
               if row in learnt.likes.rows]  # fmt: skip
    scores = np.full(subject.bundle.n_items, -np.inf)
    scores[learnt.likes.rows] = weights[columns].sum(axis=0)
    scores[topic.seen] = -np.inf
    found = Linear("EASE", whole_ease).prepare(learnt)(topic)
    assert found[0] == int(np.argmax(scores))


def test_too_few_users_are_told_and_nothing_breaks(subject: Subject) -> None:
    ratings = subject.catalog.ratings
    assert ratings is not None
    first = ratings.table[ratings.table["user"] == ratings.table["user"].iloc[0]]
    alone = replace(subject.catalog, ratings=replace(ratings, table=first))
    for one in evaluate_tastes(subject.snapshot, alone)[:2]:
        assert one.skipped == "too few users like enough"


def test_every_protocol_has_every_system_and_its_means(subject: Subject, few_users: None) -> None:
    measured = evaluate_tastes(subject.snapshot, subject.catalog)
    assert [one.protocol for one in measured] == ["item to item", "personal", "temporal cut"]
    for one in measured[:2]:
        assert one.skipped is None
        assert one.n_users <= 40
        by_name = {line.system: line for line in one.lines}
        assert by_name["random"].ndcg < by_name["EASE"].ndcg
        assert by_name["popularity"].coverage < by_name["random"].coverage
        assert by_name["popularity"].popularity_percentile > 0.9
        assert by_name["popularity"].to_popularity is None
        gained = by_name[OURS].to_popularity
        assert gained is not None
        assert gained.mean == pytest.approx(by_name[OURS].ndcg - by_name["popularity"].ndcg)
