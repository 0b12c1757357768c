"""A shop's catalogue: attributes of every type, some of them missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.publishing import publish

N_ITEMS = 40
BRANDS = ["Nike", "Puma", "North: Face", "Ärla", ""]
TRUTHS = ["yes", "FALSE", "1", ""]
CATALOG = """\
name = "shop"
default_profile = "standard"
[items]
file = "products.csv"
id = "sku"
title = "name"
[items.attributes]
brand = { column = "brand" }
in_stock = { column = "in_stock", type = "boolean" }
price = { column = "price", type = "number" }
pieces = { column = "pieces", type = "integer" }
[encoder]
model = "MODEL"
precision = "f32"
"""


def product(number: int) -> tuple[str | None, bool | None, float | None, int | None]:
    """Its brand, whether it is in stock, its price, and of how many pieces it is."""
    truth = {"yes": True, "FALSE": False, "1": True, "": None}[TRUTHS[number % 4]]
    return (
        BRANDS[number % 5] or None,
        truth,
        None if number % 7 == 0 else number / 4,
        None if number % 6 == 0 else number % 3,
    )


@pytest.fixture(scope="session")
def shop_artifacts(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_export: Path
) -> Path:
    """An artifacts folder with the shop published. Read it, never write it."""
    folder = tmp_path_factory.mktemp("shop")
    rows = [
        f"{number},shoe {number},{BRANDS[number % 5]},{TRUTHS[number % 4]},"
        f"{'' if price is None else price},{'' if pieces is None else pieces}"
        for number in range(N_ITEMS)
        for price, pieces in [product(number)[2:]]
    ]
    text = "\n".join(["sku,name,brand,in_stock,price,pieces", *rows])
    (folder / "products.csv").write_text(f"{text}\n", encoding="utf-8")
    catalog = folder / "catalog.toml"
    catalog.write_text(CATALOG.replace("MODEL", str(tiny_model)))
    publish(catalog, folder / "artifacts")
    return folder / "artifacts"
