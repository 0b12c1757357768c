"""Lists in an order asked for, lists that go on to their last match, lists without ratings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from shortlist.engine import depth
from shortlist.engine.answer import Answer
from shortlist.engine.conditions import Attributes, Categories, Filters, Near
from shortlist.engine.filters import passing
from shortlist.engine.query import (
    Asked,
    PopularQuery,
    Query,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
)
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import first_by, sort_names
from shortlist.errors import FeatureUnavailable, InvalidParameter
from tests.shop import N_ITEMS, product

DRAMAS = Filters(categories=Categories(any=("Drama",)))


@pytest.fixture
def client(client_of: Callable[[Path], FlaskClient], shop_artifacts: Path) -> FlaskClient:
    return client_of(shop_artifacts)


def pages(snapshot: Snapshot, query: Any) -> Iterator[Answer]:
    """Every page of a list, to its end."""
    answer = ask(snapshot, query)
    yield answer
    while answer.next is not None:
        answer = ask(snapshot, query.model_copy(update={"cursor": answer.next}))
        yield answer


def ids_of(snapshot: Snapshot, query: Asked) -> list[int | str]:
    return [one.item_id for page in pages(snapshot, query) for one in page.results]


EXTREME = [-(2**63), 2**63 - 1]
columns = st.lists(
    st.one_of(
        st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=12, max_size=12),
        st.lists(st.one_of(st.none(), st.sampled_from(EXTREME)), min_size=12, max_size=12),
        st.lists(st.one_of(st.none(), st.floats(-1, 1)), min_size=12, max_size=12),
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip


@given(columns=columns, places=st.permutations(range(12)), n=st.integers(0, 12))
def test_the_first_by_some_keys_are_the_first_of_all_put_in_order(
    columns: list[list[Any]], places: list[int], n: int
) -> None:
    keys = [
        (np.array([0 if one is None else one for one in column]),
         np.array([one is not None for one in column]))
        for column in columns
    ]  # fmt: skip
    expected = sorted(
        places, key=lambda at: [(column[at] is None, column[at] or 0) for column in columns]
    )
    assert first_by(keys, np.array(places), n).tolist() == expected[:n]


SORTED = {
    "price:asc": lambda one: (one["price"] is None, one["price"] or 0),
    "price:desc": lambda one: (one["price"] is None, -(one["price"] or 0)),
    "added": lambda one: (one["added"] is None, one["added"] and one["added"].timestamp()),
    "brand:desc": lambda one: (
        one["brand"] is None,
        [-ord(letter) for letter in one["brand"] or ""] + [0],
    ),
    "in_stock:desc": lambda one: (one["in_stock"] is None, not one["in_stock"]),
}


@pytest.mark.parametrize("sort", SORTED)
@pytest.mark.parametrize("k", [3, 40])
def test_all_matches_are_put_in_order_what_has_no_value_last(
    shop: Snapshot, sort: str, k: int
) -> None:
    wanted = Filters(attributes=Attributes(none={"colours": ("green",)}))
    numbers = [n for n in range(N_ITEMS) if "green" not in (product(n)["colours"] or ())]
    expected = sorted(numbers, key=lambda number: SORTED[sort](product(number)))
    found = list(pages(shop, SearchQuery(q="", k=k, filters=wanted, sort=(sort,))))
    assert [one.item_id for page in found for one in page.results] == expected
    assert {page.scope for page in found} == {"matches"}
    name, _, order = sort.partition(":")
    assert found[0].ordered_by == f"{name}:{order or 'asc'}"


def test_several_keys_stand_one_behind_the_other(shop: Snapshot) -> None:
    asked = PopularQuery.model_validate({"k": 7, "sort": "in_stock:desc, pieces:desc,price"})
    expected = sorted(
        range(N_ITEMS),
        key=lambda n: [
            *SORTED["in_stock:desc"](product(n)),
            *(product(n)["pieces"] is None, -(product(n)["pieces"] or 0)),
            *SORTED["price:asc"](product(n)),
        ],
    )
    assert ids_of(shop, asked) == expected


def test_a_search_puts_its_candidates_in_order_and_ends_with_them(shop: Snapshot) -> None:
    asked = SearchQuery(q="shoe 12", k=5, n_candidates=10, sort=("price:desc",))
    plain = ids_of(shop, asked.model_copy(update={"sort": ()}))
    found = list(pages(shop, asked))
    expected = sorted(plain, key=lambda number: SORTED["price:desc"](product(int(number))))
    assert [one.item_id for page in found for one in page.results] == expected
    assert [page.scope for page in found] == ["candidates"] * len(found)
    by_score = ids_of(shop, asked.model_copy(update={"sort": ("score:asc",)}))
    assert by_score == plain[::-1]


def test_the_distance_from_a_point_orders_and_is_told(client: FlaskClient, shop: Snapshot) -> None:
    answer = client.get("/v1/popular?sort=distance&near=52.5:13.4&k=40").get_json()
    assert answer["matched"] == N_ITEMS, "a point without kilometres lets everything pass"
    away = [one["distance_km"] for one in answer["results"]]
    # Berlin 8 times, 23 km from it 8 times, Munich, Sydney, and 8 without a place
    assert away[:8] == [0.0] * 8 and away[8:16] == pytest.approx([23.1] * 8, abs=0.1)
    assert away[16] == pytest.approx(505.6, abs=0.1) and away[24] == pytest.approx(16_096, abs=10)
    assert away[32:] == [None] * 8
    (first, *_) = ask(shop, SearchQuery(q="shoe", k=1)).results
    assert first.distance_km is None
    with pytest.raises(InvalidParameter, match="a distance needs a point"):
        ask(shop, PopularQuery(sort=("distance",)))


@pytest.mark.parametrize(
    ("sort", "said"),
    [("colours", "found 'colours'"), ("price:up", "found 'price:up'"), ("town", "found 'town'"),
     ("", "at least 1 char"), ("nothing:asc", "expected one of score, distance, brand, in_stock")],
)  # fmt: skip
def test_what_nothing_can_be_ordered_by_is_refused(
    client: FlaskClient, sort: str, said: str
) -> None:
    response = client.get("/v1/popular", query_string={"sort": sort})
    assert response.status_code == 422
    (error,) = response.get_json()["errors"]
    assert error["field"].startswith("sort") and said in error["message"]


def test_popularity_orders_only_where_there_are_ratings(
    shop: Snapshot, sample_snapshot: Snapshot
) -> None:
    with pytest.raises(FeatureUnavailable, match="no ratings to sort by"):
        ask(shop, PopularQuery(sort=("popularity",)))
    plain = PopularQuery(k=50, filters=DRAMAS)
    by_name = plain.model_copy(update={"sort": ("popularity",)})
    assert ids_of(sample_snapshot, by_name) == ids_of(sample_snapshot, plain)


def test_without_ratings_items_stand_as_the_catalogue_has_them(
    client: FlaskClient, shop: Snapshot
) -> None:
    answer = client.get("/v1/popular?k=40").get_json()
    assert [one["item_id"] for one in answer["results"]] == list(range(N_ITEMS))
    assert (answer["ordered_by"], answer["profile"], answer["scope"]) == (
        "catalogue", "catalogue", "matches"
    )  # fmt: skip
    assert {(one["score"], len(one["components"])) for one in answer["results"]} == {(0.0, 0)}
    assert client.get("/v1/popular?k=3&explain=true").status_code == 200
    blank = client.get("/v1/search?q=+&attr=brand:Puma&k=40").get_json()
    assert [one["item_id"] for one in blank["results"]] == list(range(1, N_ITEMS, 5))


def test_without_ratings_the_newest_come_first_where_items_have_an_age(
    sample_snapshot: Snapshot,
) -> None:
    items = replace(sample_snapshot.bundle.items, popularity=None)
    bundle = replace(sample_snapshot.bundle, items=items)
    unrated = replace(sample_snapshot, bundle=bundle)
    answer = ask(unrated, PopularQuery(k=1000))
    assert (answer.ordered_by, answer.profile) == ("recency", "recency")
    years = [one.attributes["year"] for one in answer.results]
    assert years == sorted(years, reverse=True)


def queries(snapshot: Snapshot) -> list[Query]:
    first, second = (snapshot.bundle.ids.id_of(row) for row in (698, 12))
    return [
        SearchQuery(q="love in wartime", k=60, n_candidates=60, filters=DRAMAS),
        SimilarQuery(item_id=first, k=60, n_candidates=60, filters=DRAMAS),
        RecommendQuery(liked=(first, second), k=60, n_candidates=60, filters=DRAMAS),
        RecommendQuery(liked=(first,), text="war", k=60, n_candidates=60, filters=DRAMAS),
        SearchQuery(q="", k=60, n_candidates=60, filters=DRAMAS),
    ]


@pytest.mark.parametrize("number", range(5))
def test_a_filtered_list_goes_on_to_its_last_match(sample_snapshot: Snapshot, number: int) -> None:
    query: Any = queries(sample_snapshot)[number]
    first, *others = pages(sample_snapshot, query)
    listed = [one for page in (first, *others) for one in page.results]
    given = {one.item_id for one in listed}
    rows = passing(sample_snapshot.bundle, DRAMAS, np.empty(0, np.int64)).rows()
    matching = {sample_snapshot.bundle.ids.id_of(int(row)) for row in rows}
    own = set(getattr(query, "given", ())) | {getattr(query, "item_id", None)}
    assert given == matching - own and len(listed) == len(given) == first.matched
    assert [one.rank for one in listed] == list(range(1, first.matched + 1))
    # as the first pages would be without a filter's depth: nothing that follows moves them
    assert [one.item_id for one in first.results] == [
        one.item_id for one in ask(sample_snapshot, query).results
    ]
    behind = [one.score for one in listed if one.lanes == ["matches"]]
    assert behind == [one.score for one in listed[len(listed) - len(behind) :]]
    assert behind == sorted(behind, reverse=True) and bool(behind) is (number != 4)
    for one in listed[::50]:
        total = math.fsum(term["contribution"] for term in one.components)
        assert one.score == pytest.approx(total, abs=1e-12)


def test_pages_of_any_size_are_the_same_list(sample_snapshot: Snapshot) -> None:
    query = SearchQuery(q="a heist", n_candidates=50, filters=DRAMAS)
    lists = [ids_of(sample_snapshot, query.model_copy(update={"k": k})) for k in (7, 50)]
    assert lists[0] == lists[1]


def test_an_item_blocked_between_two_deep_pages_shifts_nothing(sample_snapshot: Snapshot) -> None:
    query = SearchQuery(q="a heist", k=50, n_candidates=50, filters=DRAMAS)
    first, second, third, *_ = pages(sample_snapshot, query)
    gone = second.results[3].item_id
    row = sample_snapshot.bundle.ids.row_of(gone)
    blocked = replace(sample_snapshot, blocked_rows=np.array([row]))
    again = ask(blocked, query.model_copy(update={"cursor": second.next}))
    assert [one.item_id for one in again.results] == [one.item_id for one in third.results]
    assert first.next is not None


def test_the_least_score_holds_as_deep_as_a_list_goes(sample_snapshot: Snapshot) -> None:
    query = SearchQuery(q="a heist", k=100, n_candidates=100, filters=DRAMAS)
    whole = [one for page in pages(sample_snapshot, query) for one in page.results]
    least = sorted((one.score for one in whole), reverse=True)[200]
    found = list(pages(sample_snapshot, query.model_copy(update={"min_score": least})))
    kept = [one.item_id for page in found for one in page.results]
    assert kept == [one.item_id for one in whole if one.score >= least]
    assert all(page.results for page in found)


def test_of_very_many_matches_the_nearest_follow(
    sample_snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth, "DEEPEST", 100)
    query = SearchQuery(
        q="a heist", k=50, n_candidates=50, filters=DRAMAS, weights={"popularity": 0.0}
    )
    whole = ids_of(sample_snapshot, query)
    assert len(whole) == 150
    assert (
        whole
        == ids_of(sample_snapshot, query.model_copy(update={"n_candidates": 150, "k": 150}))[:150]
    )  # by similarity alone it is one list


def test_browsing_goes_on_beyond_any_pool(sample_snapshot: Snapshot) -> None:
    listed = ids_of(sample_snapshot, PopularQuery(k=500))
    assert len(listed) == len(set(listed)) == sample_snapshot.bundle.n_items
    near = Filters(near=Near(lat=0.0, lon=0.0))
    with pytest.raises(InvalidParameter, match=r"one attribute of type point \(none\)"):
        ask(sample_snapshot, PopularQuery(filters=near))


@pytest.mark.parametrize("k", [5, 40])
def test_variety_moves_the_first_of_a_browsed_list_alike_on_every_page(
    sample_snapshot: Snapshot, k: int
) -> None:
    asked = PopularQuery(k=k, n_candidates=k, diversity=0.7)
    listed = ids_of(sample_snapshot, asked)
    assert len(listed) == len(set(listed)) == sample_snapshot.bundle.n_items
    whole = ids_of(sample_snapshot, PopularQuery(k=500, diversity=0.7))
    assert listed == whole


@pytest.mark.parametrize("sort", ["year:asc", "score:asc"])
def test_the_least_score_is_asked_of_all_matches_before_they_are_put_in_order(
    sample_snapshot: Snapshot, sort: str
) -> None:
    popularity = sample_snapshot.bundle.items.popularity
    assert popularity is not None
    n_above = int((popularity.popularity_score >= 0.7).sum())
    asked = PopularQuery(k=10, n_candidates=10, min_score=0.7, sort=(sort,))
    assert len(ids_of(sample_snapshot, asked)) == n_above > 10


def test_what_the_scores_do_not_move_is_not_explained(sample_snapshot: Snapshot) -> None:
    asked = SearchQuery(q="a heist", k=20, n_candidates=20, filters=DRAMAS, explain=True)
    first, second, *_ = pages(sample_snapshot, asked)
    assert all(one.explanation is not None for one in first.results)
    assert all(one.explanation is None for one in second.results)
    by_year = ask(sample_snapshot, asked.model_copy(update={"sort": ("year",)}))
    assert all(one.explanation is None for one in by_year.results)


def test_a_built_in_order_stands_only_where_it_exists(shop: Snapshot) -> None:
    column = shop.bundle.items.attributes["price"]
    items = replace(shop.bundle.items, attributes={"popularity": column, "score": column})
    named = replace(shop, bundle=replace(shop.bundle, items=items))
    assert sort_names(named.bundle) == ["score", "popularity"]
    listed = ids_of(named, PopularQuery(k=40, sort=("popularity:asc",)))
    assert listed == sorted(range(N_ITEMS), key=lambda n: SORTED["price:asc"](product(n)))
