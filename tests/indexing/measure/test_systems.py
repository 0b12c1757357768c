"""What answers topics of a taste."""

from __future__ import annotations

import numpy as np
import pytest

from indexing.measure.evaluate import Subject
from indexing.measure.learnt import Learnt, learn_from
from indexing.measure.protocols.tastes import others_by_fold, personal
from indexing.measure.references import POPULARITY, RANDOM, bm25, references, words_of
from indexing.measure.systems import OURS, best_unseen, engine, search_engines
from indexing.measure.topic import Overlay, Topic
from indexing.neighbours.ease import Ease
from indexing.neighbours.likes import latest_ratings
from shortlist.bundle.profiles import Profile


@pytest.fixture
def asked(subject: Subject, few_users: None) -> tuple[list[Topic], Learnt]:
    assert subject.catalog.ratings is not None
    ratings = latest_ratings(subject.catalog.ratings.table)
    topics = personal(ratings, liked_from=4.0)
    fold = topics[0].fold
    learnt = learn_from(subject.snapshot, subject.catalog, others_by_fold(ratings)[fold])
    return [topic for topic in topics if topic.fold == fold], learnt


def test_systems_answer_with_unseen_items_only(asked: tuple[list[Topic], Learnt]) -> None:
    topics, learnt = asked
    learnt_from_likes = references(learnt.likes, Ease(learnt.likes.matrix, regularisation=100.0))
    assert [one.name for one in learnt_from_likes] == ["implicit ItemKNN", "implicit ALS", "EASE"]
    for system in (RANDOM, POPULARITY, *learnt_from_likes, engine(OURS)):
        for topic in topics[:3]:
            rows = system.rank(topic, learnt.snapshot).tolist()
            assert 0 < len(rows) <= 1000
            assert len(set(rows)) == len(rows)
            assert not set(rows) & set(topic.seen.tolist())


def test_ease_reference_is_the_sum_of_its_rows(asked: tuple[list[Topic], Learnt]) -> None:
    (topic, *_), learnt = asked
    weights = np.concatenate(list(Ease(learnt.likes.matrix, regularisation=100.0).blocks()))
    columns = [learnt.likes.rows.tolist().index(row) for row in topic.liked.tolist()
               if row in learnt.likes.rows]  # fmt: skip
    scores = np.full(learnt.snapshot.bundle.n_items, -np.inf)
    scores[learnt.likes.rows] = weights[columns].sum(axis=0)
    scores[topic.seen] = -np.inf
    ease = references(learnt.likes, Ease(learnt.likes.matrix, regularisation=100.0))[-1]
    assert ease.rank(topic, learnt.snapshot)[0] == int(np.argmax(scores))


def test_a_catalogue_too_large_for_ease_is_compared_with_the_others(
    asked: tuple[list[Topic], Learnt],
) -> None:
    found = references(asked[1].likes, None)
    assert [one.name for one in found] == ["implicit ItemKNN", "implicit ALS"]


def topic(text: str = "", *, seen: tuple[int, ...] = (), overlay: Overlay | None = None) -> Topic:
    return Topic(
        id=f"of {text}",
        relevant=np.array([0]),
        kind="tag",
        held_out=False,
        text=text,
        seen=np.array(seen, dtype=np.int64),
        overlay=overlay or Overlay(),
    )


def test_the_best_are_in_order_and_ties_in_that_of_rows() -> None:
    scores = np.array([0.5, 0.9, -np.inf, 0.5, 0.7])
    assert best_unseen(scores, topic()).tolist() == [1, 4, 0, 3]
    assert best_unseen(scores, topic(seen=(1, 3))).tolist() == [4, 0]
    assert scores[1] == 0.9, "what was given stays as it is"


def test_the_thousand_best_of_many_are_those_of_a_whole_sort() -> None:
    scores = np.random.default_rng(4).integers(0, 50, 3000).astype(np.float64)
    assert best_unseen(scores, topic()).tolist() == (
        np.argsort(-scores, kind="stable")[:1000].tolist()
    )


def test_bm25_reads_changed_documents_in_the_place_of_others(subject: Subject) -> None:
    n_items = subject.bundle.n_items
    documents = ["nothing here"] * n_items
    documents[3], documents[8] = "of dragons", "dragons dragons and dragons"
    plain = topic("dragons")
    changed = topic("dragons without", overlay=Overlay(np.array([8]), ("no such beast at all",)))
    system = bm25(words_of(documents), [plain, changed])
    assert system.rank(plain, subject.snapshot).tolist() == [8, 3]
    assert system.rank(changed, subject.snapshot).tolist() == [3]


def test_profiles_are_shown_without_the_parts_they_weigh() -> None:
    weights = {"similarity": 1.0, "title_match": 0.8, "rating_volume": 0.3}
    profiles = {
        "whole": Profile(weights=weights),
        "plain": Profile(weights={"similarity": 1.0, "popularity": 0.3}),
        "related": Profile(weights={"similarity": 1.0, "co_liked": 1.0}),
    }
    assert [one.name for one in search_engines(profiles)] == [
        "similarity alone",
        "profile whole",
        "profile whole without titles",
        "profile whole without ratings",
        "profile plain",
    ]
