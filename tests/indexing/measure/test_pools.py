"""Pools ranked again: the engine's own, under any profile that is no deeper."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from indexing.measure.evaluate import Subject
from indexing.measure.overlay import encode_topics, overlay
from indexing.measure.pools import Pools, collect, joined
from indexing.measure.protocols import tag_out
from indexing.measure.systems import pool_of
from indexing.measure.topic import Topic
from shortlist.bundle.profiles import Profile
from shortlist.engine.features import available_features
from shortlist.engine.snapshot import Snapshot

PROFILES = [
    Profile(n_candidates=50, weights={"similarity": 1.0}),
    Profile(n_candidates=100, n_popular=250, weights={"similarity": 1.0, "rating_volume": 0.3}),
    Profile(n_candidates=200, n_popular=0, weights={"similarity": 1.0, "title_match": 1.2}),
    Profile(n_candidates=50, n_popular=500, weights={"popularity": 0.4, "title_prefix": 0.7}),
]


Deep = list[tuple[Topic, Snapshot, Pools]]


@pytest.fixture(scope="module")
def deep(subject: Subject) -> Deep:
    """Some topics of both kinds, the snapshot as each sees it, and its deepest pool."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tag_out, "MAX_TAGS", 12)
        tags = tag_out.leave_tag_out(subject.catalog, subject.corpus).topics
    topics = [*subject.known_item().topics[::700], *tags]
    weights = dict.fromkeys(available_features(subject.bundle), 1.0)
    deepest = {"n_candidates": 400, "n_popular": 1000, "weights": weights}
    encoded = encode_topics(subject.encoder, topics)
    views = [overlay(subject.snapshot, *each) for each in zip(topics, encoded, strict=True)]
    return [
        (topic, view, collect(topic, view, deepest))
        for topic, view in zip(topics, views, strict=True)
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_deep_pool_gives_what_the_engine_gives_for_a_shallower_one(
    deep: Deep, profile: Profile
) -> None:
    titles = bool({"title_match", "title_prefix"} & set(profile.weights))
    words = bool({"words", "coverage"} & set(profile.weights))
    for topic, view, pool in deep:
        own = pool.within(profile.n_candidates, profile.n_popular, titles=titles, words=words)
        options = {
            "n_candidates": profile.n_candidates,
            "n_popular": profile.n_popular,
            "weights": {**dict.fromkeys(pool.names, 0.0), **profile.weights},
        }
        found = pool_of(topic, view, options)
        assert own.sizes.tolist() == [len(found.rows)]
        terms = found.features * np.array(list(found.plan.weights.values()))
        scores = terms.sum(axis=1)[found.order]
        np.testing.assert_allclose(np.sort(own.weighed(profile))[::-1], scores, atol=1e-12)


def pools(relevant: list[list[int]], values: list[list[float]]) -> Pools:
    """Topics with one feature, all candidates retrieved in this order."""
    sizes = [len(each) for each in values]
    flat = np.concatenate([np.arange(size) for size in sizes])
    nothing = np.zeros(len(flat), dtype=np.bool_)
    return Pools(
        names=("similarity",),
        features=np.concatenate(values)[:, None],
        place=flat,
        popular=np.full(len(flat), 2**31),
        title=nothing,
        words=nothing,
        near=nothing,
        relevant=np.concatenate(relevant).astype(np.bool_),
        sizes=np.array(sizes),
        n_relevant=np.array([max(1, sum(each)) for each in relevant]),
        units=np.arange(len(sizes)),
    )


TWO = pools([[0, 1, 0], [1, 0, 0, 1]], [[0.1, 0.5, 0.9], [0.2, 0.3, 0.3, 0.4]])


def test_metrics_are_those_of_the_order_by_score() -> None:
    found = TWO.values(TWO.features[:, 0], ("nDCG@10", "MRR", "Recall@3"))
    # the first's hit stands second, the second's stand first and last of four
    both = (1 + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    assert found["nDCG@10"].tolist() == pytest.approx([1 / math.log2(3), both])
    assert found["MRR"].tolist() == [0.5, 1.0]
    assert found["Recall@3"].tolist() == [1.0, 0.5]


def test_equal_scores_stay_in_the_order_of_the_pool() -> None:
    assert TWO.values(np.zeros(7), ("MRR",))["MRR"].tolist() == [0.5, 1.0]


def test_a_shallower_pool_loses_what_stands_below() -> None:
    shallow = TWO.within(3, 0, titles=True, words=True)
    assert shallow.sizes.tolist() == [3, 3]
    assert shallow.values(np.zeros(6), ("Recall@10",))["Recall@10"].tolist() == [1.0, 0.5]


def test_a_part_is_numbered_anew() -> None:
    second = TWO.of(np.array([1]))
    assert (second.n_units, second.sizes.tolist(), second.units.tolist()) == (1, [4], [0])
    assert second.values(np.zeros(4), ("MRR",))["MRR"].tolist() == [1.0]


def test_topics_of_a_user_count_once() -> None:
    topics = [
        Topic(id=str(n), relevant=np.array([1]), kind="similar", held_out=False, user=user)
        for n, user in enumerate("bab")
    ]
    ones = [pools([hits], [[0.1, 0.2]]) for hits in ([1, 0], [0, 1], [0, 1])]
    whole = joined(ones, topics)
    assert whole.units.tolist() == [1, 0, 1]
    # a: second place; b: first place once, second place once
    assert whole.values(np.zeros(6), ("MRR",))["MRR"].tolist() == [0.5, 0.75]
    unnamed = joined(ones, [replace(topic, user="") for topic in topics])
    assert unnamed.units.tolist() == [0, 1, 2]
