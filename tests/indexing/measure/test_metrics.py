"""Metrics by hand, and the bootstrap."""

from __future__ import annotations

import math

import ir_measures
import numpy as np
import pytest

from indexing.measure.metrics import by_user, debiased_recall, measure, paired_bootstrap
from indexing.measure.topic import Topic
from shortlist.bundle.arrays import RowArray


def topic(*relevant: int) -> Topic:
    return Topic(id="t", text="text", relevant=np.array(relevant), kind="tag", held_out=False)


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


def test_the_ideal_is_that_of_as_many_as_fit() -> None:
    # twelve relevant items, the first ten places all right: nothing better fits into ten
    found = measure([topic(*range(12))], [np.arange(10)], ("nDCG@10", "Recall@50"))
    assert found["nDCG@10"].tolist() == pytest.approx([1.0])
    assert found["Recall@50"].tolist() == pytest.approx([10 / 12])


def test_nothing_found_anywhere_is_0_everywhere() -> None:
    found = measure([topic(1), topic(2)], [np.empty(0, np.int64)] * 2, ("nDCG@10", "MRR", "R@5"))
    assert [values.tolist() for values in found.values()] == [[0, 0]] * 3


def test_what_stands_below_the_depth_counts_for_nothing() -> None:
    found = measure([topic(9)], [np.array([3, 4, 9])], ("nDCG@2", "nDCG@3", "Success@2", "R@3"))
    assert [values.item() for values in found.values()] == [0, pytest.approx(0.5), 0, 1]


def test_metrics_are_those_of_ir_measures() -> None:
    """On rankings of every length, with one to twenty relevant rows, found or not."""
    rng = np.random.default_rng(8)
    topics = [topic(*rng.choice(300, rng.integers(1, 21), replace=False)) for _ in range(200)]
    rankings = [rng.permutation(300)[: rng.integers(0, 120)] for _ in topics]
    names = ("nDCG@10", "R@20", "R@50", "RR", "Success@1", "Success@10")
    found, expected = measure(topics, rankings, names), judged_elsewhere(topics, rankings, names)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-12)


def judged_elsewhere(
    topics: list[Topic], rankings: list[RowArray], names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    relevant = [
        ir_measures.Qrel(str(number), str(row), 1)
        for number, one in enumerate(topics)
        for row in one.relevant.tolist()
    ]
    found = [
        ir_measures.ScoredDoc(str(number), str(row), -float(place))
        for number, ranking in enumerate(rankings)
        for place, row in enumerate(ranking.tolist())
    ]
    measures = {ir_measures.parse_measure(name): name for name in names}
    values = {name: np.zeros(len(topics)) for name in names}
    for metric in ir_measures.iter_calc(list(measures), relevant, found):
        values[measures[metric.measure]][int(metric.query_id)] = metric.value
    return values


def test_a_user_weighs_once_however_many_questions() -> None:
    users = ["b", "a", "b", "b"]
    assert by_user(users, np.array([1.0, 5.0, 2.0, 3.0])).tolist() == [5.0, 2.0]


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
