"""What is learnt from other users only, once a fold, and alike by any number of processes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from indexing.features import rating_percentile
from indexing.measure import learnt as learning
from indexing.measure import rankings
from indexing.measure.evaluate import Subject
from indexing.measure.learnt import in_parallel, learn_from
from indexing.measure.protocols.tastes import taste_protocols
from indexing.measure.rankings import rank_tastes, rank_texts
from indexing.measure.systems import engine
from indexing.neighbours.learn import learn_neighbours


def test_what_others_like_is_learnt_without_those_left_out(subject: Subject) -> None:
    ratings = subject.catalog.ratings
    assert ratings is not None
    table = ratings.table
    kept = table[table["user"] != table["user"].iloc[0]]
    learnt = learn_from(subject.snapshot, subject.catalog, kept)
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


def test_a_fold_is_learnt_once_however_many_protocols_ask_it(
    subject: Subject, few_users: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []

    def counted(module: object, name: str) -> None:
        original = getattr(module, name)

        def count(*args: object, **options: object) -> object:
            fitted.append(name)
            return original(*args, **options)

        monkeypatch.setattr(module, name, count)

    for name in ("catalog_popularity", "learn_neighbours"):
        counted(learning, name)
    counted(rankings, "references")
    protocols, folds = taste_protocols(subject.catalog)
    rank_tastes(subject.snapshot, subject.catalog, protocols, folds, n_jobs=1)
    # five folds of users, asked by two protocols, and the ratings before the temporal cut
    assert {name: fitted.count(name) for name in fitted} == {
        "catalog_popularity": 6,
        "learn_neighbours": 6,
        "references": 6,
    }


def test_any_number_of_processes_ranks_alike(subject: Subject, few_users: None) -> None:
    (_, personal, *_), folds = taste_protocols(subject.catalog)
    two = replace(personal, topics=tuple(one for one in personal.topics if one.fold < 2))
    alone, shared = (
        rank_tastes(subject.snapshot, subject.catalog, [two], folds, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    assert list(alone) == list(shared)
    for key, rows in alone.items():
        assert [each.tolist() for each in rows] == [each.tolist() for each in shared[key]]


def test_texts_are_ranked_alike_in_chunks(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = subject.known_item()
    systems = [engine("profile tuned", profile="tuned")]
    protocol = replace(known, topics=known.topics[:9])
    (whole,) = rank_texts(subject.snapshot, subject.encoder, protocol, systems, n_jobs=1).values()
    monkeypatch.setattr(rankings, "CHUNK", 4)
    (parted,) = rank_texts(subject.snapshot, subject.encoder, protocol, systems, n_jobs=2).values()
    assert [rows.tolist() for rows in parted] == [rows.tolist() for rows in whole]
    assert all(len(rows) <= 100 for rows in whole)


def test_tasks_are_answered_in_their_order() -> None:
    assert list(in_parallel(pow, [(2, 3), (3, 2), (5, 1)], n_jobs=2, desc="")) == [8, 9, 5]
    assert list(in_parallel(pow, [], desc="")) == []
