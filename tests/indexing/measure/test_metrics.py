"""Metrics by hand, and the bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest

from indexing.measure.metrics import debiased_recall, measure, paired_bootstrap
from indexing.measure.topics import Topic


def topic(*relevant: int) -> Topic:
    return Topic("t", "text", np.array(relevant), kind="tag", held_out=False)


def test_metrics_are_those_counted_by_hand() -> None:
    topics = [topic(1, 2), topic(7), topic(9)]
    rankings = [np.array([1, 5, 2]), np.array([3, 7]), np.array([], dtype=np.int64)]
    found = measure(topics, rankings, ("nDCG@10", "R@50", "RR", "Success@1"))
    # found at places 1 and 3 of two relevant: (1 + 1/log2(4)) / (1 + 1/log2(3))
    ndcg = (1 + 1 / 2) / (1 + 1 / math.log2(3))
    assert found["nDCG@10"].tolist() == pytest.approx([ndcg, 1 / math.log2(3), 0])
    assert found["R@50"].tolist() == [1, 1, 0]
    assert found["RR"].tolist() == [1, 0.5, 0]
    assert found["Success@1"].tolist() == [1, 0, 0]


def test_a_ranking_keeps_its_order_whatever_the_rows_are() -> None:
    # as text, row 10 sorts before row 9
    assert measure([topic(9)], [np.array([10, 9])], ("RR",))["RR"].tolist() == [0.5]


def test_debiased_recall_counts_a_rare_item_more() -> None:
    counts = np.array([0, 99], dtype=np.int32)  # weights 1 and 0.01
    found = debiased_recall([topic(0, 1)] * 2, [np.array([1]), np.array([0])], counts, depth=50)
    assert found.tolist() == pytest.approx([0.01 / 1.01, 1 / 1.01])


def test_a_constant_difference_has_no_width() -> None:
    values = np.linspace(0, 1, 50)
    found = paired_bootstrap(values + 0.25, values)
    assert (found.mean, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_noise_around_nothing_is_not_significant() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal(400)
    found = paired_bootstrap(values, rng.permutation(values))
    assert found.low < 0 < found.high
