"""The ranking stage: order, ties and the arithmetic of a score."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.engine import ranking as module


class Ranking(NamedTuple):
    """What `rank` gives."""

    order: RowArray
    scores: FloatArray


def rank(features: FloatArray, weights: FloatArray) -> Ranking:
    return Ranking(*module.rank(features, weights))


FEATURE = st.floats(-1, 1)
COARSE = st.sampled_from([0.0, 0.5, 1.0])
WEIGHT = st.floats(0, 10)


@st.composite
def problems(draw: st.DrawFn, values: st.SearchStrategy[float] = FEATURE) -> tuple[FloatArray, ...]:
    """A feature matrix [m, f] and its weights [f]."""
    n_items = draw(st.integers(0, 30))
    n_features = draw(st.integers(1, 4))
    features = draw(arrays(np.float64, (n_items, n_features), elements=values))
    weights = draw(arrays(np.float64, n_features, elements=WEIGHT))
    return features, weights


MIXED = st.one_of(problems(), problems(COARSE))
relaxed = settings(deadline=None)


def test_the_order_and_each_score_follow_from_the_weights() -> None:
    features = np.array([[0.9, 0.1], [0.5, 1.0], [0.6, 0.8]])
    ranking = rank(features, np.array([0.7, 0.3]))
    # 0.63 + 0.03 = 0.66, 0.35 + 0.30 = 0.65, 0.42 + 0.24 = 0.66: the first and the last tie
    assert ranking.order.tolist() == [0, 2, 1]
    assert ranking.scores.tolist() == pytest.approx([0.66, 0.66, 0.65], abs=1e-12)


@relaxed
@given(MIXED)
def test_scores_never_rise_down_the_list(problem: tuple[FloatArray, FloatArray]) -> None:
    scores = rank(*problem).scores
    assert (scores[:-1] >= scores[1:]).all()


@relaxed
@given(MIXED)
def test_every_candidate_is_ranked_exactly_once(problem: tuple[FloatArray, FloatArray]) -> None:
    assert sorted(rank(*problem).order.tolist()) == list(range(len(problem[0])))


@relaxed
@given(MIXED, st.integers(0, 30))
def test_the_top_k_is_a_prefix_of_the_top_k_plus_one(
    problem: tuple[FloatArray, FloatArray], k: int
) -> None:
    """Also when only the top k + 1 are left to be ranked: the others have no say in it."""
    features, weights = problem
    order = rank(features, weights).order
    left = np.sort(order[: k + 1])
    again = left[rank(features[left], weights).order]
    assert again[:k].tolist() == order[: k + 1][:k].tolist()
    assert again.tolist() == order[: k + 1].tolist()


@relaxed
@given(st.one_of(arrays(np.float64, (20, 2), elements=FEATURE)), st.sampled_from([0, 1]))
def test_weights_of_one_and_zero_reduce_to_one_signal(features: FloatArray, signal: int) -> None:
    weights = np.eye(2)[signal]
    ranking = rank(features, weights)
    assert ranking.order.tolist() == np.argsort(-features[:, signal], kind="stable").tolist()
    assert ranking.scores.tolist() == sorted(features[:, signal].tolist(), reverse=True)


@relaxed
@given(MIXED, st.randoms(use_true_random=False))
def test_the_order_of_the_input_is_irrelevant_except_for_ties(
    problem: tuple[FloatArray, FloatArray], random: object
) -> None:
    features, weights = problem
    shuffled = np.arange(len(features))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = rank(features, weights), rank(features[shuffled], weights)
    assert one.scores.tolist() == other.scores.tolist()
    untied = [place for place, score in enumerate(one.scores) if (one.scores == score).sum() == 1]
    assert one.order[untied].tolist() == shuffled[other.order[untied]].tolist()


@relaxed
@given(problems(COARSE))
def test_ties_keep_the_retrieval_order(problem: tuple[FloatArray, FloatArray]) -> None:
    ranking = rank(*problem)
    tied = ranking.scores[:-1] == ranking.scores[1:]
    assert (ranking.order[:-1][tied] < ranking.order[1:][tied]).all()


def test_zero_and_minus_zero_tie() -> None:
    ranking = rank(np.array([[-0.0], [0.0], [-0.0]]), np.array([1.0]))
    assert ranking.order.tolist() == [0, 1, 2]


@relaxed
@given(MIXED)
def test_each_score_is_the_sum_of_its_contributions(
    problem: tuple[FloatArray, FloatArray],
) -> None:
    features, weights = problem
    ranking = rank(features, weights)
    in_order = features[ranking.order] * weights
    for score, contributions in zip(ranking.scores, in_order, strict=True):
        assert abs(score - math.fsum(contributions)) <= 1e-12


@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf])
def test_a_feature_that_is_not_finite_is_refused(missing: float) -> None:
    with pytest.raises(ValueError, match="expected finite features, found NaN or infinity"):
        rank(np.array([[0.5, 0.5], [missing, 0.5]]), np.array([0.7, 0.3]))


def test_not_even_a_weight_of_zero_lets_nan_through() -> None:
    with pytest.raises(ValueError, match="finite"):
        rank(np.array([[0.5, math.nan]]), np.array([1.0, 0.0]))


def test_no_candidates_give_an_empty_ranking() -> None:
    ranking = rank(np.empty((0, 2)), np.array([0.7, 0.3]))
    assert ranking.order.tolist() == ranking.scores.tolist() == []


def test_the_features_are_left_as_they_were() -> None:
    features = np.array([[0.1, 0.2], [0.3, 0.4]])
    features.flags.writeable = False
    assert rank(features, np.array([0.7, 0.3])).order.tolist() == [1, 0]
