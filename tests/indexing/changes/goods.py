"""A catalogue of a few goods that changes are made to."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path
from typing import Any

SETTINGS = """\
name = "goods"
[items]
file = "items.csv"
id = "sku"
title = "name"
categories = { column = "kinds", separator = "|" }
text = ["about"]
[items.attributes]
price = { column = "price", type = "number" }
colours = { column = "colours", type = "strings" }
maker = { column = "maker" }
added = { column = "added", type = "time" }
[tags]
file = "tags.csv"
item = "sku"
tag = "tag"
[recency]
attribute = "added"
[display]
subtitle = "{maker} · {price}"
[encoder]
model = "MODEL"
precision = "f32"
"""
RATED = """\
[ratings]
file = "ratings.csv"
item = "sku"
value = "stars"
scale = [1, 5]
"""
COLUMNS = ("sku", "name", "kinds", "about", "price", "colours", "maker", "added")
WORDS = ["robot", "red", "lamp", "old", "garden", "x-200", "story", "The Robot", "chair", "of"]

Item = dict[str, Any]

START: dict[str, Item] = {
    f"s{n}": {
        "name": f"{WORDS[n]} {WORDS[n + 1]}",
        "kinds": ["A"] if n % 2 else ["B", "C c"],
        "about": "a lamp for the garden" if n else "a robot",
        "price": n + 0.5,
        "colours": ["red"],
        "maker": "Acme",
        "added": "2023-01-01",
        "tags": ["shiny"] if n < 6 else [],
    }
    for n in range(6)
} | {"stays": {"name": "old story of a robot", "tags": ["for kids"]}}  # fmt: skip


def write(
    folder: Path, model: Path, items: dict[str, Item], *, rated: bool, left: Collection[str] = ()
) -> Path:
    """The catalogue of these items, in their order; nobody rates what has `left` it once."""
    folder.mkdir(exist_ok=True)
    settings = SETTINGS.replace("MODEL", str(model))
    (folder / "catalog.toml").write_text(settings + (RATED if rated else ""))
    with (folder / "items.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for sku, item in items.items():
            writer.writerow(
                [_written(sku if name == "sku" else item.get(name)) for name in COLUMNS]
            )
    tags = [f"{sku},{tag}" for sku, item in items.items() for tag in item.get("tags") or []]
    (folder / "tags.csv").write_text("\n".join(["sku,tag", *tags, ""]))
    rated_items = [n for n in range(4) if f"s{n}" not in left]
    ratings = [f"s{n},{1 + (n + one) % 5}" for n in rated_items for one in range(n + 1)]
    (folder / "ratings.csv").write_text("\n".join(["sku,stars", *ratings, ""]))
    return folder / "catalog.toml"


def _written(value: Any) -> str:
    return "|".join(value) if isinstance(value, list) else "" if value is None else str(value)
