"""The made-up shop is what a shop's catalogue looks like, and can be searched."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def products(repository: Path) -> Rows:
    with (repository / "data/shop/products.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("column", ["sku", "title", "description", "link"])
def test_160_products_each_with_its_own(products: Rows, column: str) -> None:
    assert len({row[column] for row in products}) == len(products) == 160


def test_nothing_is_empty_or_padded(products: Rows) -> None:
    assert [
        row for row in products if any(not one or one != one.strip() for one in row.values())
    ] == []


def test_twelve_brands_and_six_towns_each_in_one_place(products: Rows) -> None:
    assert len({row["brand"] for row in products}) == 12
    places = {(row["town"], row["lat"], row["lon"]) for row in products}
    assert len(places) == len({row["town"] for row in products}) == 6


def test_prices_are_skewed_with_two_decimals(products: Rows) -> None:
    assert all(row["price"][-3] == "." for row in products)
    prices = sorted(float(row["price"]) for row in products)
    assert prices[80] < 70 < sum(prices) / len(prices) < prices[-1] == 799.0


def test_some_are_out_of_stock(products: Rows) -> None:
    assert Counter(row["in_stock"] for row in products) == {"yes": 141, "no": 19}


def test_dates_are_iso_dates_of_six_years(products: Rows) -> None:
    added = [date.fromisoformat(row["added"]) for row in products]
    assert {one.year for one in added} == set(range(2020, 2026))


def test_it_is_searched_by_what_things_are_for(
    client_of: Callable[[Path], FlaskClient], example_shop: Path
) -> None:
    asked = {"q": "something to sleep in on a cold night", "k": "3"}
    answer = client_of(example_shop).get("/v1/search", query_string=asked).get_json()
    assert "SB-201" in [one["item_id"] for one in answer["results"]]
    bread = client_of(example_shop).get("/v1/search?q=baking+bread&k=5&facet=brand").get_json()
    assert all("Baking" in one["categories"] for one in bread["results"][:3])
