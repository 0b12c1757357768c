"""Filters: the rows that pass, and lists that keep their count and order under them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortlist.engine.conditions import Categories, Filters, Range
from shortlist.engine.filters import passing
from shortlist.engine.query import PopularQuery, SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import FeatureUnavailable, InvalidParameter

NOBODY = np.empty(0, np.int64)
GENRES = ["Drama", "Comedy", "Action", "Documentary", "Western"]


def passes(snapshot: Snapshot, wanted: Filters, row: int) -> bool:
    """The filter, item by item in plain Python."""
    items, ids = snapshot.bundle.items, snapshot.bundle.ids
    has = set(items.categories.of(row))
    year = items.attributes["year"][row].as_py()
    popularity = items.popularity
    assert popularity is not None
    return (
        (not wanted.categories.any or bool(has & set(wanted.categories.any)))
        and set(wanted.categories.all) <= has
        and not has & set(wanted.categories.none)
        and all(
            year is not None
            and (limits.min is None or year >= limits.min)
            and (limits.max is None or year <= limits.max)
            for limits in wanted.ranges.values()
        )
        and (
            wanted.min_rating_count is None
            or popularity.rating_count[row] >= wanted.min_rating_count
        )
        and (
            wanted.min_mean_rating is None or popularity.mean_rating[row] >= wanted.min_mean_rating
        )
        and (wanted.include_ids is None or ids.id_of(row) in wanted.include_ids)
        and ids.id_of(row) not in wanted.exclude_ids
    )


names = st.lists(st.sampled_from(GENRES), max_size=2).map(tuple)
bounds = st.one_of(st.none(), st.integers(1920, 2025))
filters = st.builds(
    Filters,
    categories=st.builds(Categories, any=names, all=names, none=names),
    ranges=st.one_of(
        st.just({}),
        st.tuples(bounds, bounds)
        .filter(lambda pair: None in pair or pair[0] <= pair[1])
        .map(lambda pair: {"year": Range(min=pair[0], max=pair[1])}),
    ),
    min_rating_count=st.one_of(st.none(), st.integers(0, 300)),
    min_mean_rating=st.one_of(st.none(), st.floats(0.5, 5)),
    include_ids=st.one_of(st.none(), st.lists(st.integers(1, 1360), max_size=40).map(tuple)),
    exclude_ids=st.lists(st.integers(1, 1360), max_size=10).map(tuple),
)
without_fixture_reset = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(wanted=filters)
@without_fixture_reset
def test_the_rows_are_those_that_pass_one_by_one(
    sample_snapshot: Snapshot, wanted: Filters
) -> None:
    bundle = sample_snapshot.bundle
    expected = [row for row in range(bundle.n_items) if passes(sample_snapshot, wanted, row)]
    assert passing(bundle, wanted, NOBODY).rows().tolist() == expected


@given(wanted=filters, k=st.integers(1, 60))
@without_fixture_reset
def test_a_list_has_min_of_k_and_matches_in_the_order_of_exhaustive_scoring(
    sample_snapshot: Snapshot, wanted: Filters, k: int
) -> None:
    if not wanted:
        return
    bundle = sample_snapshot.bundle
    rows = passing(bundle, wanted, NOBODY).rows()
    query = SearchQuery(q="space travel", k=k, n_candidates=60, filters=wanted)
    answer = ask(sample_snapshot, query)
    assert len(answer.results) == min(k, len(rows))
    assert (answer.matched, answer.exact) == (len(rows), True)
    vector = sample_snapshot.encoder.encode("space travel")
    popularity = bundle.items.popularity
    assert popularity is not None
    cosines = np.vecdot(bundle.vectors[rows], vector)
    best = np.argsort(-cosines, kind="stable")[:60]
    scores = 0.7 * cosines[best].astype(float) + 0.3 * popularity.popularity_score[rows[best]]
    order = best[np.argsort(-scores, kind="stable")][:k]
    expected = [bundle.ids.id_of(int(row)) for row in rows[order]]
    assert [result.item_id for result in answer.results] == expected


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
def test_every_selectivity_gives_as_many_as_there_are(
    sample_snapshot: Snapshot, share: float
) -> None:
    bundle = sample_snapshot.bundle
    rng = np.random.default_rng(0)
    rows = np.flatnonzero(rng.random(bundle.n_items) < share)
    ids = tuple(bundle.ids.id_of(int(row)) for row in rows)
    many = Filters.model_construct({"include_ids"}, include_ids=ids)  # more than a request may list
    answer = ask(sample_snapshot, SearchQuery(q="love", k=50, filters=many))
    assert len(answer.results) == min(50, len(rows))
    assert {result.item_id for result in answer.results} <= set(ids)


def test_one_item_that_passes_is_the_answer(sample_snapshot: Snapshot) -> None:
    wanted = Filters(include_ids=(sample_snapshot.bundle.ids.id_of(700),))
    answer = ask(sample_snapshot, SearchQuery(q="anything at all", filters=wanted))
    assert [result.item_id for result in answer.results] == [sample_snapshot.bundle.ids.id_of(700)]


def test_filters_hold_in_every_lane(sample_snapshot: Snapshot) -> None:
    wanted = Filters(categories=Categories(none=("Adventure",)))
    weights = {"title_match": 5.0, "rating_volume": 1.0}
    query = SearchQuery(q="toy story", k=50, n_popular=200, weights=weights, filters=wanted)
    for result in ask(sample_snapshot, query).results:
        assert "Adventure" not in result.categories


def test_blocked_items_pass_no_filter(sample_snapshot: Snapshot) -> None:
    blocked = replace(sample_snapshot, blocked_rows=np.array([3, 700]))
    wanted = Filters(
        include_ids=tuple(sample_snapshot.bundle.ids.id_of(row) for row in (3, 4, 700))
    )
    answer = ask(blocked, SearchQuery(q="a", filters=wanted))
    assert [result.item_id for result in answer.results] == [blocked.bundle.ids.id_of(4)]
    assert answer.matched == 1


def test_many_blocked_items_change_nothing_else(sample_snapshot: Snapshot) -> None:
    kept = np.arange(0, 1350, 10)
    blocked = replace(sample_snapshot, blocked_rows=np.setdiff1d(np.arange(1350), kept))
    ids = tuple(sample_snapshot.bundle.ids.id_of(int(row)) for row in kept)
    one = ask(blocked, SearchQuery(q="love", k=50)).results
    other = ask(
        sample_snapshot, SearchQuery(q="love", k=50, filters=Filters(include_ids=ids))
    ).results
    assert one == other


def test_what_cannot_be_filtered_by_is_explained(sample_snapshot: Snapshot) -> None:
    bundle = sample_snapshot.bundle
    with pytest.raises(InvalidParameter, match=r"number or time of this catalogue \(year\)"):
        passing(bundle, Filters(ranges={"price": Range(min=1, max=2)}), NOBODY).rows()
    with pytest.raises(InvalidParameter, match="expected low <= high, found 2000 to 1990"):
        passing(bundle, Filters(ranges={"year": Range(min=2000, max=1990)}), NOBODY).rows()
    with pytest.raises(InvalidParameter, match=r"no item of this catalogue is of .* 'Opera'"):
        passing(bundle, Filters(categories=Categories(none=("Opera",))), NOBODY).rows()
    with pytest.raises(InvalidParameter, match="expected an integer, found '1990-01-01'"):
        passing(bundle, Filters(ranges={"year": Range(min="1990-01-01")}), NOBODY).rows()
    unrated = replace(bundle, items=replace(bundle.items, popularity=None))
    with pytest.raises(FeatureUnavailable, match="no ratings to filter by"):
        passing(unrated, Filters(min_rating_count=1), NOBODY).rows()


def test_browsing_orders_by_popularity(sample_snapshot: Snapshot) -> None:
    wanted = Filters(categories=Categories(any=("Western",)))
    by_blank = ask(sample_snapshot, SearchQuery(q=" ", k=20, filters=wanted)).results
    by_name = ask(sample_snapshot, PopularQuery(k=20, filters=wanted)).results
    assert by_blank == by_name
    scores = [result.popularity_score or 0 for result in by_name]
    assert scores == sorted(scores, reverse=True)
    assert all("Western" in result.categories for result in by_name)
    assert all(result.retrieval_score is None for result in by_name)


def test_a_blank_text_without_a_filter_is_refused(sample_snapshot: Snapshot) -> None:
    with pytest.raises(InvalidParameter, match="expected a text"):
        ask(sample_snapshot, SearchQuery(q="  "))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Range(min=2**53 + 1), [1, 2, 3]),
        (Range(max=2**53), [0]),
        (Range(min=2**63 - 1), [3]),
        (Range(min=2.0**53, max=2.0**60), [0, 1, 2]),
        (Range(min=2**53 + 0.0, max=1e300), [0, 1, 2, 3]),
        (Range(min=1e300), []),
        (Range(max=-1e300), []),
        (Range(), [0, 1, 2, 3]),
    ],
    ids=repr,
)
def test_a_range_of_integers_is_exact(
    sample_snapshot: Snapshot, limits: Range, expected: list[int]
) -> None:
    bundle = sample_snapshot.bundle
    numbers = [2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1, None]
    column = pa.array(numbers + [None] * (bundle.n_items - 5), pa.int64())
    items = replace(bundle.items, attributes={"time": column})
    found = passing(replace(bundle, items=items), Filters(ranges={"time": limits}), NOBODY).rows()
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Range(min=-(2.0**63)), [1, 2, 3]),
        (Range(max=2.0**63), [0, 1, 2]),
        (Range(), [0, 1, 2, 3]),
        (Range(min=-1.0, max=1.0), [2]),
    ],
)
def test_numbers_may_be_larger_than_any_integer(
    sample_snapshot: Snapshot, limits: Range, expected: list[int]
) -> None:
    bundle = sample_snapshot.bundle
    numbers = [-1e300, -(2.0**63), 0.5, 1e300, None]
    column = pa.array(numbers + [None] * (bundle.n_items - len(numbers)), pa.float64())
    items = replace(bundle.items, attributes={"size": column})
    found = passing(replace(bundle, items=items), Filters(ranges={"size": limits}), NOBODY).rows()
    assert found.tolist() == expected
