"""Attributes of every type: the rows that have a value, counts of values, and what is refused."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexing.job import build
from shortlist.bundle.arrays import RowArray, truths_of
from shortlist.bundle.attributes import codes_of
from shortlist.engine.conditions import Attributes, Filters, Near, Range
from shortlist.engine.facets import MAX_VALUES, Counted, Values, count_facets, count_one
from shortlist.engine.filters import passing
from shortlist.engine.row_sets import RowSet
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import InvalidParameter
from tests.shop import BRANDS, N_ITEMS, product

NOBODY = np.empty(0, np.int64)


@pytest.fixture
def client(client_of: Callable[[Path], FlaskClient], shop_artifacts: Path) -> FlaskClient:
    return client_of(shop_artifacts)


brands = st.lists(st.sampled_from([*BRANDS[:4], "nobody's", "nike"]), max_size=3)
truths = st.lists(st.sampled_from(["true", "false"]), max_size=2)
prices = st.lists(st.sampled_from(["0.25", "1", "2.50", "1e0", "99"]), max_size=3)
pieces = st.lists(st.sampled_from(["0", "1", "2", "-7", "9" * 25]), max_size=3)
colours = st.lists(st.sampled_from(["red", "green", "blue", "pink"]), max_size=2)
days = st.lists(st.sampled_from(["2024-01-01", "2024-02-07", "2024-04-02T08:30Z"]), max_size=2)
valued = st.fixed_dictionaries(
    {},
    optional={
        **{"brand": brands, "in_stock": truths, "price": prices, "pieces": pieces},
        **{"colours": colours, "added": days},
    },
)
bounds = {
    "price": st.one_of(st.none(), st.floats(0, 12)),
    "pieces": st.one_of(st.none(), st.integers(-1, 3)),
    "added": st.one_of(
        st.none(), st.sampled_from(["2024-01-05", "2024-03-01T12:00+02:00", "2024-06-30"])
    ),
}
ranged = st.fixed_dictionaries(
    {}, optional={name: st.tuples(bound, bound) for name, bound in bounds.items()}
)
points = st.one_of(
    st.none(),
    st.tuples(
        st.sampled_from([52.5, 48.1, 0.0]), st.just(13.4), st.sampled_from([1, 60, 600, 2e4])
    ),
)


def has_one(number: int, wanted: dict[str, list[str]], name: str) -> bool:
    value = product(number)[name]
    if name == "colours":
        return bool(set(value or ()) & set(wanted[name]))
    if name == "added":
        return value is not None and any(
            first <= value <= last for first, last in map(moments, wanted[name])
        )
    kinds = {"brand": str, "in_stock": lambda one: one == "true", "price": float, "pieces": int}
    return value is not None and value in [kinds[name](one) for one in wanted[name]]


def moments(text: str) -> tuple[datetime, datetime]:
    """The first and the last moment of a day, or a moment twice."""
    found = datetime.fromisoformat(text)
    if len(text) == 10:
        first = found.replace(tzinfo=UTC)
        return first, first + timedelta(days=1) - timedelta(microseconds=1)
    return found.astimezone(UTC), found.astimezone(UTC)


def lies_in(number: int, name: str, low: Any, high: Any) -> bool:
    value = product(number)[name]
    if name == "added":
        low, high = low and moments(low)[0], high and moments(high)[1]
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def is_near(number: int, lat: float, lon: float, km: float) -> bool:
    town = product(number)["town"]
    return town is not None and great_circle_km((lat, lon), town) <= km


def great_circle_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the spherical law of cosines, another formula than the engine's."""
    (lat, lon), (to_lat, to_lon) = (tuple(map(math.radians, point)) for point in (one, other))
    cosine = math.sin(lat) * math.sin(to_lat)
    cosine += math.cos(lat) * math.cos(to_lat) * math.cos(lon - to_lon)
    return 6371.0088 * math.acos(max(-1.0, min(1.0, cosine)))


@given(wanted=valued, unwanted=valued, ranges=ranged, point=points)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_rows_are_those_that_have_one_by_one(
    shop: Snapshot,
    wanted: dict[str, list[str]],
    unwanted: dict[str, list[str]],
    ranges: dict[str, tuple[Any, Any]],
    point: tuple[float, float, float] | None,
) -> None:
    ranges = {
        name: (low, high)
        for name, (low, high) in ranges.items()
        if low is None or high is None or low <= high
    }
    filters = Filters(
        attributes=Attributes(any=wanted, none=unwanted),
        ranges={name: Range(min=low, max=high) for name, (low, high) in ranges.items()},
        near=None if point is None else Near(lat=point[0], lon=point[1], km=point[2]),
    )
    expected = [
        number
        for number in range(N_ITEMS)
        if all(has_one(number, wanted, name) for name in wanted)
        and not any(has_one(number, unwanted, name) for name in unwanted)
        and all(lies_in(number, name, *limits) for name, limits in ranges.items())
        and (point is None or is_near(number, *point))
    ]
    assert passing(shop.bundle, filters, NOBODY).rows().tolist() == expected


one_filter = st.builds(lambda wanted: Filters(attributes=Attributes(any=wanted)), valued)
nested = st.recursive(
    one_filter,
    lambda inner: st.builds(
        Filters, all_of=st.lists(inner, max_size=2).map(tuple),
        any_of=st.lists(inner, max_size=2).map(tuple),
        none_of=st.lists(inner, max_size=2).map(tuple),
    ),
    max_leaves=6,
)  # fmt: skip


def passes(wanted: Filters, number: int) -> bool:
    own = all(has_one(number, dict(wanted.attributes.any), name) for name in wanted.attributes.any)
    return (
        own
        and all(passes(one, number) for one in wanted.all_of)
        and (not wanted.any_of or any(passes(one, number) for one in wanted.any_of))
        and not any(passes(one, number) for one in wanted.none_of)
    )


@given(wanted=nested)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_filters_inside_filters_are_and_or_and_not(shop: Snapshot, wanted: Filters) -> None:
    expected = [number for number in range(N_ITEMS) if passes(wanted, number)]
    assert passing(shop.bundle, wanted, NOBODY).rows().tolist() == expected


def test_filters_stand_inside_each_other_to_a_depth_and_no_more(client: FlaskClient) -> None:
    def nested_to(depth: int) -> dict[str, Any]:
        return {"none_of": [nested_to(depth - 1)]} if depth else {}

    def answered(filters: dict[str, Any]) -> Any:
        return client.post("/v1/search", json={"q": "shoe", "filters": filters})

    assert answered(nested_to(4)).status_code == 200
    for filters in (nested_to(5), {"any_of": [{"any_of": [{}] * 16}] * 2}):
        refused = answered(filters)
        assert refused.status_code == 422
        assert "expected at most 4 filters inside each other and 32" in refused.text


def test_a_result_shows_times_as_they_were_given_lists_and_points(client: FlaskClient) -> None:
    shown = {
        number: client.get(f"/v1/items/{number}").get_json()["attributes"] for number in range(5)
    }
    # 1 + 37·n days into 2024, dates and times by turns
    assert [shown[number]["added"] for number in range(5)] == [
        None, "2024-02-07T08:30:00Z", "2024-03-15T23:45:00-05:00", "2024-04-21T10:00:00",
        "2024-05-28",
    ]  # fmt: skip
    assert [shown[number]["colours"] for number in range(4)] == [
        ["red"], ["blue", "red"], None, ["green", "blue"]
    ]  # fmt: skip
    assert [shown[number]["town"] for number in (0, 2)] == [{"lat": 52.5, "lon": 13.4}, None]


def counted_over(shop: Snapshot, rows: RowArray) -> Callable[[str], Counted]:
    """What counts a facet over these rows."""
    among = RowSet.of_rows(rows, shop.bundle.n_items)
    return lambda name: count_one(shop.bundle, name, among, shop.kept)


def test_values_are_counted_with_what_has_none(shop: Snapshot) -> None:
    rows = np.arange(3, N_ITEMS)
    found = count_facets(shop.bundle, ("brand", "in_stock", "price"), counted_over(shop, rows))
    for one, name in zip(found.values, ("brand", "in_stock"), strict=True):
        counts = Counter(product(number)[name] for number in rows.tolist())
        missing = counts.pop(None)
        named = {str(v).lower() if name == "in_stock" else str(v): n for v, n in counts.items()}
        assert {each.value: each.count for each in one.values} == named
        assert (one.missing, one.others) == (missing, 0)
        assert [each.count for each in one.values] == sorted(named.values(), reverse=True)
    assert [one.name for one in found.histograms] == ["price"]


def test_each_value_of_a_list_is_counted_and_times_by_month(shop: Snapshot) -> None:
    found = count_facets(shop.bundle, ("colours", "added"), counted_over(shop, np.arange(N_ITEMS)))
    (lists,), (times,) = found.values, found.times
    # of each ten products: red, blue and red, none, green and blue
    assert [(one.value, one.count) for one in lists.values] == [
        ("blue", 20), ("red", 20), ("green", 10)
    ]  # fmt: skip
    assert (lists.others, lists.missing) == (0, 10)
    moments = [one for n in range(N_ITEMS) if (one := product(n)["added"]) is not None]
    assert times.missing == N_ITEMS - len(moments)
    assert [(one.low, one.count) for one in times.bins] == [
        (f"2024-0{month}-01", sum(one.month == month for one in moments)) for month in range(1, 8)
    ]
    assert times.bins[-1].high == "2024-08-01"


def test_of_many_values_the_most_frequent_are_shown_and_the_others_counted(
    shop: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortlist.engine.facets.MAX_VALUES", 2)
    (found,) = count_facets(shop.bundle, ("brand",), counted_over(shop, np.arange(N_ITEMS))).values
    assert isinstance(found, Values)
    # all four brands are as frequent: the first by value stand
    assert [one.value for one in found.values] == ["Nike", "North: Face"]
    assert (found.others, found.missing) == (16, 8)
    assert MAX_VALUES == 200


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("colour", "red", "expected an attribute of this catalogue"),
        ("in_stock", "yes", "expected true or false, found 'yes'"),
        ("price", "cheap", "expected a number, found 'cheap'"),
        ("price", "nan", "expected a number, found 'nan'"),
        ("pieces", "1.5", "expected an integer, found '1.5'"),
        ("added", "2024-02-30", "expected a date or a time in ISO 8601, found '2024-02-30'"),
        ("town", "Berlin", "a point has no values to choose from"),
    ],
)
@pytest.mark.parametrize("side", ["any", "none"])
def test_a_value_that_is_none_of_the_type_is_refused(
    shop: Snapshot, side: str, name: str, value: str, said: str
) -> None:
    filters = Filters(attributes=Attributes(**{side: {name: (value,)}}))
    with pytest.raises(InvalidParameter, match=said) as refused:
        passing(shop.bundle, filters, NOBODY).rows()
    assert list(refused.value.fields) == [f"filters.attributes.{side}.{name}"]


def test_a_query_string_and_a_body_say_the_same(client: FlaskClient) -> None:
    asked = f"attr=brand:Nike&attr=brand:{quote('North: Face')}&attr_none=in_stock:true&facet=brand"
    got = client.get(f"/v1/search?q=shoe&{asked}")
    body = {
        "q": "shoe", "facets": ["brand"],
        "filters": {"attributes": {
            "any": {"brand": ["Nike", "North: Face"]}, "none": {"in_stock": [True]},
        }},
    }  # fmt: skip
    posted = client.post("/v1/search", json=body)
    assert (got.status_code, posted.status_code) == (200, 200)
    first, second = got.get_json(), posted.get_json()
    for answer in (first, second):
        answer.pop("took_ms"), answer.pop("query_id")
    assert first == second
    shown = {one["attributes"]["brand"] for one in first["results"]}
    assert shown == {"Nike", "North: Face"} and first["matched"] == 8
    # counted as if nothing were asked of the brand itself
    counted = {one["value"] for one in first["facets"]["values"][0]["values"]}
    assert counted == {"Nike", "North: Face", "Puma", "Ärla"}


@pytest.mark.parametrize(
    ("asked", "field"),
    [("attr=brand", "attr"), ("attr_none=x:1", "attr_none"), ("facet=colour", "facet"),
     ("attr=in_stock:maybe", "attr")],
)  # fmt: skip
def test_what_cannot_be_asked_is_named_as_it_was_spelled(
    client: FlaskClient, asked: str, field: str
) -> None:
    response = client.get(f"/v1/search?q=shoe&{asked}")
    assert response.status_code == 422
    assert [one["field"] for one in response.get_json()["errors"]] == [field]


def test_an_item_shows_what_its_catalogue_says(client: FlaskClient) -> None:
    item = client.get("/v1/items/1").get_json()
    assert item["display"] == {
        "subtitle": "Puma · 2024-02-07T08:30:00Z",
        "description": None,
        "image": None,
        "link": "https://shop.example/1",
    }
    (result,) = client.get("/v1/search?q=shoe&include_id=1").get_json()["results"]
    assert result["display"] == item["display"]
    catalog = client.get("/v1/catalog").get_json()
    assert catalog["attributes"][2] == {
        "name": "price", "type": "number", "label": "Price", "unit": "EUR", "decimals": 2
    }  # fmt: skip
    assert [one["type"] for one in catalog["attributes"]] == [
        "string", "boolean", "number", "integer", "strings", "time", "point"
    ]  # fmt: skip
    assert catalog["sorts"] == [
        "score", "distance", "brand", "in_stock", "price", "pieces", "added"
    ]  # fmt: skip
    assert catalog["has_descriptions"] is False


def test_a_catalogue_tells_its_values(client: FlaskClient) -> None:
    facets = client.get("/v1/catalog").get_json()["facets"]
    assert [one["name"] for one in facets["values"]] == ["brand", "in_stock", "colours"]
    assert [one["name"] for one in facets["times"]] == ["added"]
    assert [one["name"] for one in facets["histograms"]] == ["price", "pieces"]


def test_a_boolean_that_is_none_is_refused_with_its_line(
    shop_artifacts: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(shop_artifacts.parent, tmp_path / "shop")
    text = (folder / "products.csv").read_text(encoding="utf-8")
    (folder / "products.csv").write_text(text.replace(",FALSE,", ",perhaps,", 1), "utf-8")
    with pytest.raises(Exception, match=r"line 3: attribute 'in_stock': expected a boolean \(one"):
        build(folder / "catalog.toml", tmp_path / "artifacts")


@given(values=st.lists(st.one_of(st.none(), st.booleans()), max_size=70), begin=st.integers(0, 20))
def test_booleans_and_codes_are_read_from_any_slice(values: list[bool | None], begin: int) -> None:
    cut = pa.array(values, pa.bool_())[begin:]
    own, known = truths_of(cut)
    assert [bool(v) if k else None for v, k in zip(own, known, strict=True)] == values[begin:]
    texts = [None if one is None else str(one) for one in values]
    coded = pa.array(texts, pa.large_string()).dictionary_encode()[begin:]
    names = coded.dictionary.to_pylist()
    assert [names[c] if c >= 0 else None for c in codes_of(coded)[0].tolist()] == texts[begin:]


def test_texts_of_an_older_bundle_are_filtered_and_counted_too(
    client_of: Callable[[Path], FlaskClient], repository: Path, tmp_path: Path
) -> None:
    (source,) = (repository / "tests/bundles/format-4").iterdir()
    shutil.copytree(source, tmp_path / "old" / source.name)
    (tmp_path / "old/CURRENT").write_text(f"{source.name}\n")
    client = client_of(tmp_path / "old")
    asked = "/v1/search?q=&attr_none=colour:in%20colour&facet=colour"
    answer = client.get(asked).get_json()
    assert sorted(one["item_id"] for one in answer["results"]) == [1, 2]
    (colours,) = answer["facets"]["values"]
    assert colours["values"] == [
        {"value": "black and white", "count": 1}, {"value": "in colour", "count": 1}
    ]  # fmt: skip
    assert colours["missing"] == 1


def test_many_moments_are_looked_up_together(shop: Snapshot) -> None:
    texts = tuple(f"2024-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 28))
    filters = Filters(attributes=Attributes(any={"added": (*texts, *texts[:300])}))
    expected = [
        n for n in range(N_ITEMS) if (one := product(n)["added"]) is not None and one.day < 28
    ]
    assert passing(shop.bundle, filters, NOBODY).rows().tolist() == expected


def test_phrases_are_counted_over_all_filters(client: FlaskClient) -> None:
    words = {"words": {"all": ["a"] * 16, "none": ["b"] * 16}}
    body = {"q": "shoe", "filters": {**words, "all_of": [{"words": {"all": ["c"]}}]}}
    response = client.post("/v1/search", json=body)
    assert response.status_code == 422
    assert "at most 32 phrases in all filters, found 33" in response.text
