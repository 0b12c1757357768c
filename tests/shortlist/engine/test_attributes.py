"""Attributes of every type: the rows that have a value, counts of values, and what is refused."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexing.job import build
from shortlist.bundle.arrays import truths_of
from shortlist.bundle.attributes import codes_of
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.conditions import Attributes, Filters
from shortlist.engine.facets import MAX_VALUES, Values, count_facets
from shortlist.engine.filters import select
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import InvalidParameter
from tests.shop import BRANDS, N_ITEMS, product

NOBODY = np.empty(0, np.int64)


@pytest.fixture(scope="module")
def shop(shop_artifacts: Path) -> Snapshot:
    return load_snapshot(ArtifactStore(shop_artifacts).live_folder(), LoadOptions())


@pytest.fixture
def client(client_of: Callable[[Path], FlaskClient], shop_artifacts: Path) -> FlaskClient:
    return client_of(shop_artifacts)


brands = st.lists(st.sampled_from([*BRANDS[:4], "nobody's", "nike"]), max_size=3)
truths = st.lists(st.sampled_from(["true", "false"]), max_size=2)
prices = st.lists(st.sampled_from(["0.25", "1", "2.50", "1e0", "99"]), max_size=3)
pieces = st.lists(st.sampled_from(["0", "1", "2", "-7", "9" * 25]), max_size=3)
valued = st.fixed_dictionaries(
    {}, optional={"brand": brands, "in_stock": truths, "price": prices, "pieces": pieces}
)


def has_one(number: int, wanted: dict[str, list[str]], name: str) -> bool:
    value = dict(zip(("brand", "in_stock", "price", "pieces"), product(number), strict=True))[name]
    kinds = {"brand": str, "in_stock": lambda one: one == "true", "price": float, "pieces": int}
    return value is not None and value in [kinds[name](one) for one in wanted[name]]


@given(wanted=valued, unwanted=valued)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_rows_are_those_that_have_one_by_one(
    shop: Snapshot, wanted: dict[str, list[str]], unwanted: dict[str, list[str]]
) -> None:
    filters = Filters(attributes=Attributes(any=wanted, none=unwanted))
    expected = [
        number
        for number in range(N_ITEMS)
        if all(has_one(number, wanted, name) for name in wanted)
        and not any(has_one(number, unwanted, name) for name in unwanted)
    ]
    assert select(shop.bundle, filters, NOBODY).tolist() == expected


def test_values_are_counted_with_what_has_none(shop: Snapshot) -> None:
    rows = np.arange(3, N_ITEMS)
    found = count_facets(shop.bundle, ("brand", "in_stock", "price"), lambda _: rows)
    for one, place in zip(found.values, (0, 1), strict=True):
        counts = Counter(product(number)[place] for number in rows.tolist())
        missing = counts.pop(None)
        named = {str(v).lower() if place else str(v): n for v, n in counts.items()}
        assert {each.value: each.count for each in one.values} == named
        assert (one.missing, one.others) == (missing, 0)
        assert [each.count for each in one.values] == sorted(named.values(), reverse=True)
    assert [one.name for one in found.histograms] == ["price"]


def test_of_many_values_the_most_frequent_are_shown_and_the_others_counted(
    shop: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortlist.engine.facets.MAX_VALUES", 2)
    (found,) = count_facets(shop.bundle, ("brand",), lambda _: np.arange(N_ITEMS)).values
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
    ],
)
@pytest.mark.parametrize("side", ["any", "none"])
def test_a_value_that_is_none_of_the_type_is_refused(
    shop: Snapshot, side: str, name: str, value: str, said: str
) -> None:
    filters = Filters(attributes=Attributes(**{side: {name: (value,)}}))
    with pytest.raises(InvalidParameter, match=said) as refused:
        select(shop.bundle, filters, NOBODY)
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
        answer.pop("took_ms")
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


def test_a_catalogue_tells_its_values(client: FlaskClient) -> None:
    facets = client.get("/v1/catalog").get_json()["facets"]
    assert [one["name"] for one in facets["values"]] == ["brand", "in_stock"]
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
