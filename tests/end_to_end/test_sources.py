"""The same shop from CSV, JSON lines, Parquet, PostgreSQL and SQLite is the same bundle."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from shortlist.bundle.store import ArtifactStore
from tests.databases import TestDatabase
from tests.publishing import publish

Record = dict[str, Any]
Settings = dict[str, str]

N_PRODUCTS = 60
BRANDS = ["Nike", "Ärla", "North: Face", None]
KINDS = [["shoes", "sale"], ["shirts"], [], ["shoes", "running"]]
COLOURS = [["red", "blue"], [], ["green"], ["blue"]]
PRODUCTS: list[Record] = [
    {
        "sku": f"A-{n:03}",
        "name": f'Shoe "{n}", très chic\nand warm' if n % 9 == 0 else f"Shoe {n}",
        "brand": BRANDS[n % 4],
        "kinds": KINDS[n % 4],
        "notes": None if n % 5 == 0 else f"red and size {30 + n % 17}",
        "price": None if n % 7 == 0 else 1000.25 + n * 7.5,
        "pieces": None if n % 6 == 0 else n % 3,
        "in_stock": None if n % 8 == 0 else n % 2 == 0,
        "colours": COLOURS[n % 4],
        "added": None if n % 9 == 0 else date(2024, 1 + n % 12, 1 + n % 28),
        "lat": None if n % 10 == 0 else 52.5 - n / 4,
        "lon": None if n % 10 == 0 else 13.25 + n / 8,
    }
    for n in range(N_PRODUCTS)
]
TAGS: list[Record] = [
    *({"sku": f"A-{n:03}", "tag": f"tag {n % 5}"} for n in range(0, N_PRODUCTS, 3)),
    {"sku": "unknown", "tag": "x"},
]
RATINGS: list[Record] = [
    {"sku": f"A-{n * 7 % N_PRODUCTS:03}", "who": n % 11, "stars": 0.5 + n % 10 / 2, "at": 10**9 + n}
    for n in range(400)
]

CATALOG = """\
name = "shop"
{top}
[items]
{items}
id = "sku"
title = "name"
text = ["notes"]
categories = {{ column = "kinds", separator = ", " }}
[items.attributes]
brand = {{ column = "brand" }}
price = {{ column = "{price}", type = "number" }}
pieces = {{ column = "pieces", type = "integer" }}
in_stock = {{ column = "in_stock", type = "boolean" }}
colours = {{ column = "colours", type = "strings", separator = ", " }}
added = {{ column = "added", type = "time" }}
town = {{ columns = ["lat", "lon"], type = "point" }}
[display]
subtitle = "{{brand}} · {{added}}"
description = "notes"
link = "https://shop.example/{{sku}}"
[tags]
{tags}
item = "sku"
tag = "tag"
[ratings]
{ratings}
item = "sku"
value = "stars"
scale = [0.5, 5.0]
user = "who"
time = "at"
[encoder]
model = "{model}"
precision = "f32"
"""


def write_csv(folder: Path) -> Settings:
    """As programs of Western Europe write it: semicolons, cp1252, decimal commas, in parts."""

    def euro(price: float | None) -> str:
        text = "" if price is None else f"{price:,.3f} €"
        return text.translate(str.maketrans(",.", ".,"))

    items = [
        {
            **one,
            **{name: ", ".join(one[name]) for name in ("kinds", "colours")},
            **{name: euro(one[name]) for name in ("price", "lat", "lon")},
        }
        for one in PRODUCTS
    ]
    for part, some in ((1, items[:25]), (2, items[25:])):
        text = written(some, delimiter=";")
        (folder / f"items-{part}.csv").write_text(text, encoding="cp1252", newline="")
    (folder / "tags.tsv.gz").write_bytes(gzip.compress(written(TAGS, delimiter="\t").encode()))
    (folder / "ratings.csv").write_text(written(RATINGS, delimiter=","), newline="")
    how = ['file = "items-*.csv"', 'delimiter = ";"', 'encoding = "cp1252"', 'currency = "€"']
    return {
        "items": "\n".join([*how, 'decimal = ","', 'thousands = "."']),
        "tags": 'file = "tags.tsv.gz"',
        "ratings": 'file = "ratings.csv"',
    }


def written(records: Sequence[Record], *, delimiter: str) -> str:
    """The records as a CSV file's text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def nested(records: Iterable[Record]) -> list[Record]:
    """The products with their price in an object."""
    return [{**one, "price": {"amount": one["price"]}} for one in records]


def write_json_lines(folder: Path) -> Settings:
    def lines(records: Iterable[Record]) -> bytes:
        return "".join(
            f"{json.dumps(one, ensure_ascii=False, default=str)}\n" for one in records
        ).encode()

    (folder / "items.jsonl").write_bytes(lines(nested(PRODUCTS)))
    (folder / "tags.ndjson").write_bytes(lines(TAGS))
    packed = pa.compress(lines(RATINGS), "zstd", asbytes=True)
    (folder / "ratings.jsonl.zst").write_bytes(packed)
    return {
        "items": 'file = "items.jsonl"',
        "tags": 'file = "tags.ndjson"',
        "ratings": 'file = "ratings.jsonl.zst"',
        "price": "price.amount",
    }


def write_parquet(folder: Path) -> Settings:
    (folder / "items").mkdir()
    items = pa.Table.from_pylist(nested(PRODUCTS))
    pa.parquet.write_table(items[:40], folder / "items/part-0.parquet")
    pa.parquet.write_table(items[40:], folder / "items/part-1.parquet")
    pa.parquet.write_table(pa.Table.from_pylist(TAGS), folder / "tags.parquet")
    pa.parquet.write_table(pa.Table.from_pylist(RATINGS), folder / "ratings.parquet")
    return {
        "items": 'file = "items"',
        "tags": 'file = "tags.parquet"',
        "ratings": 'file = "ratings.parquet"',
        "price": "price.amount",
    }


def write_database(database: TestDatabase) -> Settings:
    lists = "text" if database.kind == "sqlite" else "text[]"
    database.run(
        f"CREATE TABLE items (row int, sku text, name text, brand text, kinds {lists}, notes text,"
        f" price numeric, pieces int, in_stock boolean, colours {lists}, added date, lat float,"
        " lon float)",
        "CREATE TABLE tags (row int, sku text, tag text)",
        "CREATE TABLE ratings (row int, sku text, who int, stars float, at bigint)",
    )
    tables = {"items": PRODUCTS, "tags": TAGS, "ratings": RATINGS}
    for name, records in tables.items():
        rows = [
            ", ".join(literal(one, database.kind) for one in [number, *record.values()])
            for number, record in enumerate(records)
        ]
        database.run(f"INSERT INTO {name} VALUES {', '.join(f'({row})' for row in rows)}")
    queries = {name: f'query = "select * from {name} order by row"' for name in tables}
    return {"top": f'[source]\nurl = "{database.url}"', **queries}


def literal(value: Any, kind: str) -> str:
    """The value in SQL; a list is an array, in SQLite a text."""
    match value:
        case None:
            return "null"
        case list() if kind == "sqlite":
            return literal(", ".join(value), kind)
        case list():
            return f"ARRAY[{', '.join(literal(one, kind) for one in value)}]::text[]"
        case date():
            return f"'{value}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
    return str(value)


Build = Callable[[str, Settings], Path]


@pytest.fixture
def build(tmp_path: Path, tiny_model: Path, tiny_export: Path) -> Build:
    """Publishes the shop from a source in a folder of that name; returns the bundle's folder."""

    def from_source(source: str, settings: Settings) -> Path:
        folder = tmp_path / source
        usual = {"top": "", "price": "price", "model": str(tiny_model)}
        (folder / "catalog.toml").write_text(CATALOG.format(**{**usual, **settings}))
        publish(folder / "catalog.toml", folder / "artifacts")
        return ArtifactStore(folder / "artifacts").live_folder()

    return from_source


def contents(bundle: Path) -> dict[str, Any]:
    """Every file that answers come from, the manifest without its stamp.

    Left out is what tells how the source is written: the settings, the items as they were
    read, and the columns that they may be changed by.
    """
    own = {bundle / "catalog.json", bundle / "source/items.arrow"}
    files = [path for path in sorted(bundle.rglob("*")) if path.is_file() and path not in own]
    found: dict[str, Any] = {str(path.relative_to(bundle)): path.read_bytes() for path in files}
    manifest = json.loads(found.pop("manifest.json"))
    assert manifest.pop("created_at") and manifest.pop("intake")
    for path in own:
        assert manifest["files"].pop(str(path.relative_to(bundle)))
    return {**found, "manifest.json": manifest}


WRITERS: dict[str, Callable[[Path], Settings]] = {
    "csv": write_csv,
    "json-lines": write_json_lines,
    "parquet": write_parquet,
}


def test_every_source_of_a_shop_gives_the_same_bundle_but_for_its_stamp(
    tmp_path: Path, build: Build, postgresql: TestDatabase, sqlite: TestDatabase
) -> None:
    bundles = {}
    for source, write in WRITERS.items():
        (tmp_path / source).mkdir()
        bundles[source] = contents(build(source, write(tmp_path / source)))
    for database in (postgresql, sqlite):
        (tmp_path / database.kind).mkdir()
        bundles[database.kind] = contents(build(database.kind, write_database(database)))
    first = bundles.pop("csv")
    assert len(first) > 10
    assert first["manifest.json"]["counts"]["items"] == N_PRODUCTS
    assert first["manifest.json"]["counts"]["dropped_tags"] == 1
    for source, files in bundles.items():
        assert list(files) == list(first), source
        assert [name for name in first if files[name] != first[name]] == [], source


def shop_products(repository: Path) -> list[Record]:
    """The example shop's products, each value of its own type."""
    text = (repository / "data/shop/products.csv").read_text(encoding="utf-8")

    def typed(name: str, value: str) -> Any:
        if not value:
            return [] if name in {"categories", "colours"} else None
        kinds: dict[str, Callable[[str], Any]] = {
            **dict.fromkeys(("categories", "colours"), lambda text: text.split("|")),
            **dict.fromkeys(("price", "lat", "lon"), float),
            "in_stock": lambda text: text == "yes",
            "weight_g": int,
            "added": date.fromisoformat,
        }
        return kinds.get(name, str)(value)

    return [
        {name: typed(name, value) for name, value in one.items()}
        for one in csv.DictReader(io.StringIO(text))
    ]


def test_the_example_shop_is_the_same_bundle_from_files_and_from_postgresql(
    repository: Path, tmp_path: Path, tiny_model: Path, tiny_export: Path, postgresql: TestDatabase
) -> None:
    products = shop_products(repository)
    lines = "".join(f"{json.dumps(one, default=str)}\n" for one in products)
    (tmp_path / "products.jsonl").write_text(lines, encoding="utf-8")
    pa.parquet.write_table(pa.Table.from_pylist(products), tmp_path / "products.parquet")
    shutil.copyfile(repository / "data/shop/products.csv", tmp_path / "products.csv")
    postgresql.run(
        "CREATE TABLE products (row int, sku text, title text, brand text, categories text[],"
        " colours text[], price numeric, in_stock boolean, weight_g int, added date, town text,"
        " lat float, lon float, description text, link text)"
    )
    rows = [
        ", ".join(literal(one, "postgresql") for one in [number, *product.values()])
        for number, product in enumerate(products)
    ]
    postgresql.run(f"INSERT INTO products VALUES {', '.join(f'({row})' for row in rows)}")
    query = f'url = "{postgresql.url}"\nquery = "select * from products order by row"'
    sources = {name: f'file = "products.{name}"' for name in ("csv", "jsonl", "parquet")} | {
        "postgresql": query
    }
    usual = (repository / "data/shop/catalog.toml").read_text(encoding="utf-8")
    bundles = {}
    for name, source in sources.items():
        catalog = tmp_path / f"{name}.toml"
        text = usual.replace('file = "products.csv"', source)
        catalog.write_text(f'{text}\n[encoder]\nmodel = "{tiny_model}"\nprecision = "f32"\n')
        publish(catalog, tmp_path / name)
        bundles[name] = contents(ArtifactStore(tmp_path / name).live_folder())
    first = bundles.pop("csv")
    assert first["manifest.json"]["counts"]["items"] == len(products) == 160
    for name, files in bundles.items():
        assert [one for one in first if files[one] != first[one]] == [], name
