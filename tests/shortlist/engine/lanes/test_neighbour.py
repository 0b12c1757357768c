"""What the neighbours of a taste say, against the same sums over dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from shortlist.bundle.arrays import Csr
from shortlist.bundle.sections.neighbour_lists import Neighbours
from shortlist.engine.lanes import neighbour as module
from shortlist.engine.lanes.neighbour import Taste, score_neighbours, strongest

N = 8


def lists_of(dense: np.ndarray) -> Csr:
    matrix = sparse.csr_matrix(dense)
    return Csr(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32),
        matrix.data.astype(np.float16),
    )


def taste(rows: list[int], weights: list[float]) -> Taste:
    counts = np.array(weights)
    return Taste(np.array(rows), counts, n_liked=len(rows), interactions=counts, likes=counts)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(N, N)).astype(np.float16) * (rng.random((N, N)) < 0.4)
    shares = rng.random((N, N)).astype(np.float16) * (rng.random((N, N)) < 0.4)
    for matrix in (weights, shares):
        np.fill_diagonal(matrix, 0)
    return weights.astype(np.float64), shares.astype(np.float64)


@pytest.mark.parametrize("dense_up_to", [100, 0])
@given(
    seed=st.integers(0, 10_000),
    given_=st.lists(
        st.tuples(st.integers(0, N - 1), st.sampled_from([-0.5, 0.5, 1.0])),
        min_size=1,
        unique_by=lambda pair: pair[0],
    ),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_features_are_the_sums_of_their_definition(
    monkeypatch: pytest.MonkeyPatch,
    dense_up_to: int,
    seed: int,
    given_: list[tuple[int, float]],
) -> None:
    monkeypatch.setattr(module, "_DENSE_UP_TO", dense_up_to)
    weights, shares = drawn(seed)
    rows, signs = [row for row, _ in given_], np.array([sign for _, sign in given_])
    found = score_neighbours(
        Neighbours(lists_of(weights), lists_of(shares)), taste(rows, signs.tolist())
    )
    sums = signs @ weights[rows]
    largest = np.delete(sums, rows).max(initial=0.0)
    expected = np.clip(sums / largest, 0, 1) if largest > 1e-9 else np.zeros(N)
    every = np.arange(N)
    if largest > 1e-9:
        assert np.allclose(found.at(every, "collaborative"), expected)
    together = signs @ shares[rows] / max(signs[signs > 0].sum(), 1e-9)
    assert np.allclose(found.at(every, "co_liked"), np.clip(together, 0, 1))
    assert np.all(np.diff(found.rows) > 0)


def test_from_a_single_item_the_share_is_that_of_those_who_like_it() -> None:
    shares = np.zeros((N, N))
    shares[2, [4, 6]] = [0.5, 0.25]
    found = score_neighbours(
        Neighbours(lists_of(np.zeros((N, N))), lists_of(shares)), taste([2], [1.0])
    )
    assert found.rows.tolist() == [4, 6]
    assert found.values["co_liked"].tolist() == [0.5, 0.25]
    assert found.values["collaborative"].tolist() == [0.0, 0.0]


def test_only_what_is_wanted_is_summed() -> None:
    weights, shares = drawn(3)
    both = Neighbours(lists_of(weights), lists_of(shares))
    given = taste([1, 2], [1.0, 1.0])
    whole, part = score_neighbours(both, given), score_neighbours(both, given, ["co_liked"])
    every = np.arange(N)
    assert np.array_equal(part.at(every, "co_liked"), whole.at(every, "co_liked"))
    assert not part.at(every, "collaborative").any()


def test_the_best_are_by_both_features_and_in_scope() -> None:
    weights, shares = np.zeros((N, N)), np.zeros((N, N))
    weights[0, [3, 4, 5]] = [0.5, 1.0, -1.0]
    shares[0, [3, 6]] = [0.75, 0.125]
    found = score_neighbours(Neighbours(lists_of(weights), lists_of(shares)), taste([0], [1.0]))
    both = {"collaborative": 1.0, "co_liked": 1.0}
    # 3: 0.5 + 0.75, 4: 1 + 0, 6: 0 + 0.125; 5 is spoken of, against it
    assert strongest(found, 9, both, found.rows).tolist() == [3, 4, 6]
    assert strongest(found, 1, {"collaborative": 1.0}, found.rows).tolist() == [4]
    assert strongest(found, 9, both, np.array([4, 5])).tolist() == [4]
    assert strongest(found, 0, both, found.rows).tolist() == []


def test_a_taste_without_neighbours_says_nothing() -> None:
    nothing = Neighbours(lists_of(np.zeros((N, N))), lists_of(np.zeros((N, N))))
    found = score_neighbours(nothing, taste([1], [1.0]))
    assert found.rows.tolist() == []
    assert found.at(np.array([0, 1]), "collaborative").tolist() == [0, 0]
