"""Filters: the rows that pass, and lists that keep their count and order under them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortlist.engine import PopularQuery, SearchQuery, popular, search
from shortlist.engine.filters import Filter, Range, select
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import FeatureUnavailable, InvalidParameter

NOBODY = np.empty(0, np.int64)
GENRES = ["Drama", "Comedy", "Action", "Documentary", "Western", "no such genre"]


def passes(snapshot: Snapshot, wanted: Filter, row: int) -> bool:
    """The filter, item by item in plain Python."""
    items, ids = snapshot.bundle.items, snapshot.bundle.ids
    has = set(items.categories.of(row))
    year = items.attributes["year"][row].as_py()
    popularity = items.popularity
    assert popularity is not None
    return (
        (not wanted.any_of or bool(has & set(wanted.any_of)))
        and set(wanted.all_of) <= has
        and not has & set(wanted.none_of)
        and all(
            year is not None
            and (limits.low is None or year >= limits.low)
            and (limits.high is None or year <= limits.high)
            for limits in wanted.ranges.values()
        )
        and (
            wanted.min_rating_count is None
            or popularity.rating_count[row] >= wanted.min_rating_count
        )
        and (
            wanted.min_mean_rating is None or popularity.mean_rating[row] >= wanted.min_mean_rating
        )
        and (wanted.include is None or ids.id_of(row) in wanted.include)
        and ids.id_of(row) not in wanted.exclude
    )


names = st.lists(st.sampled_from(GENRES), max_size=2).map(tuple)
bounds = st.one_of(st.none(), st.integers(1920, 2025))
filters = st.builds(
    Filter,
    any_of=names,
    all_of=names,
    none_of=names,
    ranges=st.one_of(
        st.just({}),
        st.tuples(bounds, bounds)
        .filter(lambda pair: None in pair or pair[0] <= pair[1])
        .map(lambda pair: {"year": Range(*pair)}),
    ),
    min_rating_count=st.one_of(st.none(), st.integers(0, 300)),
    min_mean_rating=st.one_of(st.none(), st.floats(0.5, 5)),
    include=st.one_of(st.none(), st.lists(st.integers(1, 1360), max_size=40).map(tuple)),
    exclude=st.lists(st.integers(1, 1360), max_size=10).map(tuple),
)
without_fixture_reset = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(wanted=filters)
@without_fixture_reset
def test_the_rows_are_those_that_pass_one_by_one(sample_snapshot: Snapshot, wanted: Filter) -> None:
    bundle = sample_snapshot.bundle
    expected = [row for row in range(bundle.n_items) if passes(sample_snapshot, wanted, row)]
    assert select(bundle, wanted, NOBODY).tolist() == expected


@given(wanted=filters, k=st.integers(1, 60))
@without_fixture_reset
def test_a_list_has_min_of_k_and_matches_in_the_order_of_exhaustive_scoring(
    sample_snapshot: Snapshot, wanted: Filter, k: int
) -> None:
    if not wanted:
        return
    bundle = sample_snapshot.bundle
    rows = select(bundle, wanted, NOBODY)
    query = SearchQuery("space travel", k=k, n_candidates=60, filter=wanted)
    answer = search(sample_snapshot, query)
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
    answer = search(sample_snapshot, SearchQuery("love", k=50, filter=Filter(include=ids)))
    assert len(answer.results) == min(50, len(rows))
    assert {result.item_id for result in answer.results} <= set(ids)


def test_one_item_that_passes_is_the_answer(sample_snapshot: Snapshot) -> None:
    wanted = Filter(include=(sample_snapshot.bundle.ids.id_of(700),))
    answer = search(sample_snapshot, SearchQuery("anything at all", filter=wanted))
    assert [result.item_id for result in answer.results] == [sample_snapshot.bundle.ids.id_of(700)]


def test_filters_hold_in_every_lane(sample_snapshot: Snapshot) -> None:
    wanted = Filter(none_of=("Adventure",))
    weights = {"title_match": 5.0, "rating_volume": 1.0}
    query = SearchQuery("toy story", k=50, n_popular=200, weights=weights, filter=wanted)
    for result in search(sample_snapshot, query).results:
        assert "Adventure" not in result.categories


def test_blocked_items_pass_no_filter(sample_snapshot: Snapshot) -> None:
    blocked = replace(sample_snapshot, blocked_rows=np.array([3, 700]))
    wanted = Filter(include=tuple(sample_snapshot.bundle.ids.id_of(row) for row in (3, 4, 700)))
    answer = search(blocked, SearchQuery("a", filter=wanted))
    assert [result.item_id for result in answer.results] == [blocked.bundle.ids.id_of(4)]
    assert answer.matched == 1


def test_many_blocked_items_change_nothing_else(sample_snapshot: Snapshot) -> None:
    kept = np.arange(0, 1350, 10)
    blocked = replace(sample_snapshot, blocked_rows=np.setdiff1d(np.arange(1350), kept))
    ids = tuple(sample_snapshot.bundle.ids.id_of(int(row)) for row in kept)
    one = search(blocked, SearchQuery("love", k=50)).results
    other = search(sample_snapshot, SearchQuery("love", k=50, filter=Filter(include=ids))).results
    assert one == other


def test_what_cannot_be_filtered_by_is_explained(sample_snapshot: Snapshot) -> None:
    bundle = sample_snapshot.bundle
    with pytest.raises(InvalidParameter, match=r"numeric attribute of this catalogue \(year\)"):
        select(bundle, Filter(ranges={"price": Range(1, 2)}), NOBODY)
    with pytest.raises(InvalidParameter, match="expected low <= high, found 2000 to 1990"):
        select(bundle, Filter(ranges={"year": Range(2000, 1990)}), NOBODY)
    unrated = replace(bundle, items=replace(bundle.items, popularity=None))
    with pytest.raises(FeatureUnavailable, match="no ratings to filter by"):
        select(unrated, Filter(min_rating_count=1), NOBODY)


def test_browsing_orders_by_popularity(sample_snapshot: Snapshot) -> None:
    wanted = Filter(any_of=("Western",))
    by_blank = search(sample_snapshot, SearchQuery(" ", k=20, filter=wanted)).results
    by_name = popular(sample_snapshot, PopularQuery(k=20, filter=wanted)).results
    assert by_blank == by_name
    scores = [result.popularity_score or 0 for result in by_name]
    assert scores == sorted(scores, reverse=True)
    assert all("Western" in result.categories for result in by_name)
    assert all(result.retrieval_score is None for result in by_name)


def test_a_blank_text_without_a_filter_is_refused(sample_snapshot: Snapshot) -> None:
    with pytest.raises(InvalidParameter, match="expected a text"):
        search(sample_snapshot, SearchQuery("  "))
