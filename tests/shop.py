"""A shop's catalogue without ratings: attributes of every type, some of them missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shortlist.bundle.store import ArtifactStore
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from tests.publishing import publish

N_ITEMS = 40
BRANDS = ["Nike", "Puma", "North: Face", "Ärla", ""]
TRUTHS = ["yes", "FALSE", "1", ""]
COLOURS = ["red", "blue|red", "", "green | blue|green"]
TOWNS = [("52.5", "13.4"), ("48.1", "11.6"), ("", ""), ("-33.9", "151.2"), ("52.4", "13.1")]
ZONES = ["", "T08:30:00Z", "T23:45:00-05:00", "T10:00"]
KINDS = ["Shoes", "Boots|Shoes", "Sandals"]
CATALOG = """\
name = "shop"
default_profile = "standard"
[items]
file = "products.csv"
id = "sku"
title = "name"
[items.categories]
column = "kinds"
[items.attributes]
brand = { column = "brand" }
in_stock = { column = "in_stock", type = "boolean" }
price = { column = "price", type = "number" }
pieces = { column = "pieces", type = "integer" }
colours = { column = "colours", type = "strings" }
added = { column = "added", type = "time" }
town = { columns = ["lat", "lon"], type = "point" }
[display]
subtitle = "{brand} · {added}"
link = "https://shop.example/{sku}"
attributes.price = { label = "Price", unit = "EUR", decimals = 2 }
[encoder]
model = "MODEL"
precision = "f32"
"""


def written(number: int) -> dict[str, str]:
    """What the file says of a product, by column."""
    lat, lon = TOWNS[number % 5]
    day = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=(number * 37) % 200)
    return {
        "sku": str(number),
        "name": f"shoe {number}",
        "kinds": KINDS[number % 3],
        "brand": BRANDS[number % 5],
        "in_stock": TRUTHS[number % 4],
        "price": "" if number % 7 == 0 else str(number / 4),
        "pieces": "" if number % 6 == 0 else str(number % 3),
        "colours": COLOURS[number % 4],
        "added": "" if number % 9 == 0 else f"{day:%Y-%m-%d}{ZONES[number % 4]}",
        "lat": lat,
        "lon": lon,
    }


def product(number: int) -> dict[str, Any]:
    """A product's attributes in plain Python; times as moments of UTC."""
    said = written(number)
    truth = {"yes": True, "FALSE": False, "1": True, "": None}[said["in_stock"]]
    colours = [one.strip() for one in said["colours"].split("|") if one.strip()]
    added = datetime.fromisoformat(said["added"]) if said["added"] else None
    if added is not None:
        added = added.replace(tzinfo=UTC) if added.tzinfo is None else added.astimezone(UTC)
    return {
        "brand": said["brand"] or None,
        "in_stock": truth,
        "price": float(said["price"]) if said["price"] else None,
        "pieces": int(said["pieces"]) if said["pieces"] else None,
        "colours": list(dict.fromkeys(colours)) or None,
        "added": added,
        "town": (float(said["lat"]), float(said["lon"])) if said["lat"] else None,
    }


@pytest.fixture(scope="session")
def shop_artifacts(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_export: Path
) -> Path:
    """An artifacts folder with the shop published. Read it, never write it."""
    folder = tmp_path_factory.mktemp("shop")
    products = [written(number) for number in range(N_ITEMS)]
    rows = [",".join(products[0]), *(",".join(one.values()) for one in products)]
    (folder / "products.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    catalog = folder / "catalog.toml"
    catalog.write_text(CATALOG.replace("MODEL", str(tiny_model)))
    publish(catalog, folder / "artifacts")
    return folder / "artifacts"


@pytest.fixture(scope="session")
def shop(shop_artifacts: Path) -> Snapshot:
    """The shop's live version, loaded."""
    return load_snapshot(ArtifactStore(shop_artifacts).live_folder(), LoadOptions())
