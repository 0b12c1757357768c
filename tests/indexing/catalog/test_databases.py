"""Catalogues that lie in databases: read in one moment, and no secret told."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import indexing.catalog
from indexing.catalog import Catalog, read_catalog
from indexing.catalog.addresses import address_of
from indexing.catalog.database import Databases
from indexing.catalog.events import joined_tags
from indexing.catalog.limits import Limits
from indexing.catalog.queries import QueryRecords
from indexing.catalog.tables import as_text, read_table
from indexing.catalog.toml import read_catalog_config
from shortlist.errors import CatalogError
from tests.databases import PASSWORD, QUOTED_PASSWORD, USER, TestDatabase

Refused = Callable[..., str]

CATALOG = """\
name = "shop"
[source]
url = "${SHOP_DB}"
[items]
query = "select * from products order by sku;"
id = "sku"
title = "name"
attributes = { price = { column = "price", type = "number" } }
[tags]
query = "select sku, tag from tags order by tag"
item = "sku"
tag = "tag"
[ratings]
query = "select * from ratings -- all of them"
item = "sku"
value = "stars"
scale = [1, 5]
"""
SHOP = (
    "CREATE TABLE products (sku int, name text, price numeric(10, 2))",
    "CREATE TABLE tags (sku int, tag text)",
    "CREATE TABLE ratings (sku int, stars int)",
    "INSERT INTO products VALUES (8, 'Café', NULL), (7, 'Shoe', 609.68)",
    "INSERT INTO tags VALUES (7, 'red'), (8, 'hot'), (7, 'blue')",
    "INSERT INTO ratings VALUES (8, 5), (7, 3)",
)


@pytest.fixture
def shop(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, TestDatabase]:
    """A catalog.toml that reads a small shop from a database, and that database."""
    database.run(*SHOP)
    monkeypatch.setenv("SHOP_DB", database.url)
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG)
    return path, database


def catalog_of(path: Path) -> Catalog:
    return read_catalog(read_catalog_config(path))


def tags_of(catalog: Catalog) -> list[str]:
    assert catalog.tags is not None
    tags: list[str] = joined_tags(catalog.tags.table, catalog.n_items).tolist()
    return tags


def refusal(path: Path) -> str:
    with pytest.raises(CatalogError) as caught:
        catalog_of(path)
    told = "".join(traceback.format_exception(caught.value))
    assert_tells_no_secret(told)
    return str(caught.value)


def assert_tells_no_secret(text: str) -> None:
    for secret in (USER, PASSWORD, QUOTED_PASSWORD, "horse", "battery"):
        assert secret not in text


def edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_items_tags_and_ratings_are_what_queries_answer(shop: tuple[Path, TestDatabase]) -> None:
    catalog = catalog_of(shop[0])
    assert catalog.items.ids.tolist() == [7, 8]
    assert catalog.items.titles.tolist() == ["Shoe", "Café"]
    assert catalog.items.attributes["price"].to_pylist() == [609.68, None]
    assert tags_of(catalog) == ["blue red", "hot"]
    assert catalog.ratings is not None
    assert catalog.ratings.table.to_dict("list") == {"row": [1, 0], "value": [5.0, 3.0]}


def test_all_tables_are_of_one_moment(
    shop: tuple[Path, TestDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, database = shop
    read_items = indexing.catalog.read_items

    def items_and_then_a_change(*args: Any, **how: Any) -> Any:
        items = read_items(*args, **how)
        database.run("DELETE FROM tags", "INSERT INTO tags VALUES (8, 'later')")
        return items

    with monkeypatch.context() as patch:
        patch.setattr(indexing.catalog, "read_items", items_and_then_a_change)
        assert tags_of(catalog_of(path)) == ["blue red", "hot"]
    assert tags_of(catalog_of(path)) == ["", "later"]


def test_a_query_changes_nothing(shop: tuple[Path, TestDatabase]) -> None:
    path, _ = shop
    edited(path, "select sku, tag from tags order by tag", "delete from tags returning sku, tag")
    said = refusal(path)
    assert said.startswith("[tags]: the query fails: ")
    edited(path, "delete from tags returning sku, tag", "select sku, tag from tags")
    assert sorted(tags_of(catalog_of(path))) in (["blue red", "hot"], ["hot", "red blue"])


def test_a_function_that_writes_is_refused(
    postgresql: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgresql.run(
        *SHOP,
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM tags; SELECT 1'",
    )
    monkeypatch.setenv("SHOP_DB", postgresql.url)
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("sku, tag from tags order by tag", "f() as sku, '' as tag"))
    assert refusal(path) == (
        "[tags]: the query fails: cannot execute DELETE in a read-only transaction; try it in the"
        " database's own shell"
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("selct * from products", "syntax error"),
        ("select * from productz", "productz"),
        ("select nme from products", "nme"),
        ("select 1; select 2", "[items]: the query fails: "),
    ],
)
def test_a_query_with_an_error_is_refused_in_the_databases_words(
    shop: tuple[Path, TestDatabase], query: str, said: str
) -> None:
    message = refusal(edited(shop[0], "select * from products order by sku;", query))
    assert message.startswith("[items]: the query fails: ")
    assert said in message
    assert message.endswith("; try it in the database's own shell")
    assert "\n" not in message


def test_a_query_that_fails_while_it_is_read_is_refused(shop: tuple[Path, TestDatabase]) -> None:
    path, database = shop
    if database.kind == "sqlite":
        query = (
            "select abs(sku - 7 - 9223372036854775807 - 1 * (sku = 7)) sku, 1 stars from ratings"
        )
        said = "integer overflow"
    else:
        query = "select 1 / (sku - 7) as sku, 1 as stars from ratings order by 2"
        said = "division by zero"
    message = refusal(edited(path, "select * from ratings -- all of them", query))
    assert message.startswith("[ratings]: the query fails: ")
    assert said in message


def test_a_column_that_a_query_lacks_is_named_with_those_found(
    shop: tuple[Path, TestDatabase],
) -> None:
    path = edited(shop[0], 'title = "name"', 'title = "titel"')
    assert refusal(path) == (
        "[items]: the query: column 'titel' is missing; columns found: 'sku', 'name', 'price'"
    )
    path = edited(
        path,
        "select * from products",
        "select sku, name as titel, name as titel, price from products",
    )
    assert "[items]: the query: column 'titel' stands twice" in refusal(path)


def test_a_record_is_located_by_its_row_in_the_query(shop: tuple[Path, TestDatabase]) -> None:
    path, database = shop
    database.run("UPDATE ratings SET stars = 9 WHERE sku = 7")
    assert refusal(path) == (
        "[ratings]: row 2 of the query: rating '9': expected a number from 1 to 5 (1 such records)"
    )
    database.run("UPDATE ratings SET stars = 1", "INSERT INTO products VALUES (7, 'again', 1)")
    assert refusal(path).startswith("[items]: duplicate id: '7' (row 1 of the query), '7' (row 2")


def test_the_limits_hold_for_queries(shop: tuple[Path, TestDatabase]) -> None:
    path, _ = shop
    text = path.read_text()
    path.write_text(f"{text}[limits]\nitems = 1\n")
    assert refusal(path).startswith("[items]: more than 1 records; raise limits.items")
    path.write_text(f"{text}[limits]\nfield_bytes = 4\n")
    assert refusal(path).startswith(
        "[items]: row 2 of the query: column 'name': expected at most 4"
    )
    path.write_text(f"{text}[limits]\nfile_bytes = 10\n")
    assert refusal(path).startswith("[items]: the query: unfolds to more than 10 bytes; raise")


def test_a_table_may_have_a_database_of_its_own_and_another_a_file(
    shop: tuple[Path, TestDatabase], tmp_path: Path
) -> None:
    path, _ = shop
    (tmp_path / "tags.csv").write_text("sku,tag\n7,from a file\n")
    edited(path, 'query = "select sku, tag from tags order by tag"', 'file = "tags.csv"')
    edited(path, '[source]\nurl = "${SHOP_DB}"\n', "")
    path.write_text(path.read_text().replace("query =", 'url = "${SHOP_DB}"\nquery ='))
    assert tags_of(catalog_of(path)) == ["from a file", ""]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('[source]\nurl = "${SHOP_DB}"\n', "", "items: expected a query and the url of its datab"),
        ("[items]", '[items]\nfile = "items.csv"', "items: expected a file or a query, one of"),
        ("[items]", '[items]\ndelimiter = ";"', "items: delimiter is for files; a query needs no"),
        ('query = "select * from products order by sku;"', "", "items: expected a file or a query"),
        ("${SHOP_DB}", "mysql://shopkeeper:battery@host/x", "[items]: url: expected postgresql://"),
        ("${SHOP_DB}", "sqlite://shop.db", "[items]: url: expected postgresql://"),
        ("${SHOP_DB}", "${NO_SUCH}", "[items]: url: the environment has no NO_SUCH; set it"),
        ("${SHOP_DB}", "postgresql://shopkeeper:b/battery@h/x", "[items]: url: a user or password"),
        ("${SHOP_DB}", "postgresql://shopkeeper:b@battery@h/x", "[items]: url: a user or password"),
        ("${SHOP_DB}", "postgresql://shopkeeper:b#battery@h/x", "[items]: url: a user or password"),
        ("${SHOP_DB}", "postgresql://shopkeeper:b?battery@h/x", "[items]: url: a user or password"),
        (
            "${SHOP_DB}",
            "postgresql://shopkeeper:battery%x@h/x",
            "[items]: url: a blank, or a % that",
        ),
        (
            "${SHOP_DB}",
            "postgresql://shopkeeper:battery/x",
            "[items]: url: expected user:password@",
        ),
        (
            "${SHOP_DB}",
            "postgresql://h/x?password=battery&prt=1",
            "[items]: the database cannot be",
        ),
        ('url = "${SHOP_DB}"', 'url = ["battery"]', "source.url: Input should be a valid string"),
        ('url = "${SHOP_DB}"', 'ulr = "battery"', "unknown key 'source.ulr'; did you mean 'url'?"),
    ],
)
def test_a_source_that_is_none_is_refused_and_nothing_of_it_shown(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = tmp_path / "catalog.toml"
    assert old in CATALOG
    path.write_text(CATALOG.replace(old, new))
    assert said in refusal(path)


def test_a_database_that_is_away_is_told_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    away = f"postgresql://{USER}:{QUOTED_PASSWORD}@127.0.0.1:1/shop"
    path.write_text(CATALOG.replace("${SHOP_DB}", away))
    assert refusal(path) == (
        '[items]: the database cannot be had: connection to server at "127.0.0.1", port 1 failed:'
        " Connection refused; is it there, and are url, user and password right?"
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (f"{USER}:{QUOTED_PASSWORD}x@", 'password authentication failed for user "***"'),
        (f"somebody:{QUOTED_PASSWORD}@", 'password authentication failed for user "***"'),
        (f"{USER}@", "fe_sendauth: no password supplied"),
    ],
)
def test_wrong_credentials_are_told_without_them(
    postgresql: TestDatabase, tmp_path: Path, wrong: str, said: str
) -> None:
    path = tmp_path / "catalog.toml"
    url = postgresql.url.replace(f"{USER}:{QUOTED_PASSWORD}@", wrong)
    path.write_text(CATALOG.replace("${SHOP_DB}", url))
    message = refusal(path)
    assert said in message
    assert "somebody" not in message


def test_a_file_of_sqlite_that_is_missing_or_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("${SHOP_DB}", "sqlite:///missing.db"))
    assert refusal(path) == f"[items]: {tmp_path}/missing.db: no such file"
    (tmp_path / "missing.db").write_text("no database " * 100)
    assert "[items]: the query fails: file is not a database; " in refusal(path)


def test_a_driver_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", None)
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("${SHOP_DB}", "postgresql://h/x"))
    assert refusal(path) == (
        "[items]: to read postgresql its driver must be installed: pip install shortlist[databases]"
    )


def test_parts_of_a_url_come_from_the_environment_and_are_scrubbed_from_messages() -> None:
    environment = {"WHO": "anna", "SECRET": "p%40ss", "SHORT": "e"}
    url = "postgresql://${WHO}:${SECRET}@db.example/${SHORT}"
    address = address_of(url, Path("/catalogue"), environment)
    assert address.uri.startswith("postgresql://anna:p%40ss@db.example/e?connect_timeout=10&")
    assert "anna" not in repr(address)
    assert address.scrubbed("anna has p%40ss, that is p@ss, at e, the end") == (
        "*** has ***, that is ***, at ***, the end"
    )
    asked = address_of("postgresql://h/x?user=bob&connect_timeout=3", Path("/"), {})
    assert asked.uri == "postgresql://h/x?user=bob&connect_timeout=3&client_encoding=utf8"
    assert asked.scrubbed("bob at h") == "*** at h"


def test_a_path_of_sqlite_starts_at_the_catalogues_folder() -> None:
    folder = Path("/the catalogue")
    assert address_of("sqlite:///a%b?.db", folder, {}).uri == (
        "file:/the%20catalogue/a%25b%3F.db?mode=ro"
    )
    assert address_of("sqlite:////data/a.db", folder, {}).uri == "file:/data/a.db?mode=ro"


def test_no_secret_reaches_a_bundle_a_log_or_a_setting_as_shown(
    shop: tuple[Path, TestDatabase],
    tmp_path: Path,
    tiny_model: Path,
    tiny_export: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from tests.publishing import publish

    path, database = shop
    caplog.set_level(logging.DEBUG)
    path.write_text(f'{path.read_text()}[encoder]\nmodel = "{tiny_model}"\n')
    edited(path, "${SHOP_DB}", database.url)  # written into catalog.toml itself
    publish(path, tmp_path / "artifacts")
    assert_tells_no_secret(caplog.text)
    assert_tells_no_secret(repr(read_catalog_config(path)))
    files = [one for one in (tmp_path / "artifacts").rglob("*") if one.is_file()]
    assert len(files) > 10
    for one in files:
        content = one.read_bytes()
        assert USER.encode() not in content, one
        assert QUOTED_PASSWORD.encode() not in content, one


UUID = "2ff3552a-83f6-4eed-93fb-e5397e3430b0"


def read(database: TestDatabase, query: str, *columns: str, **limits: int) -> pd.DataFrame:
    with Databases(Path()) as databases:
        records = QueryRecords("items", databases, database.url, query)
        return read_table(records, columns, limits=Limits(**limits))


def test_postgresql_types_come_as_numbers_text_or_lists(postgresql: TestDatabase) -> None:
    columns = {
        "whole": ("9007199254740993::bigint", 9007199254740993),
        "exact": ("609.680::numeric", "609.680"),
        "number": ("0.1::float8", 0.1),
        "truth": ("true", True),
        "uuid": (f"'{UUID}'::uuid", UUID),
        "json": ("'{\"a\": [1]}'::jsonb", '{"a": [1]}'),
        "at": ("'2024-05-01T12:30+02'::timestamptz", "2024-05-01T10:30:00Z"),
        "day": ("date '2024-05-01'", "2024-05-01"),
        "colour": ("'red'::colour", "red"),
        "letters": ("'x'::char(3)", "x  "),
    }  # fmt: skip
    postgresql.run("CREATE TYPE colour AS ENUM ('red', 'blue')")
    values = ", ".join(f"{value} AS {name}" for name, (value, _) in columns.items())
    nulls = ", ".join("null" for _ in columns)
    table = read(postgresql, f"select {values} union all select {nulls}", *columns)
    assert table.iloc[0].tolist() == [expected for _, expected in columns.values()]
    assert table.iloc[1].isna().all()
    lists = read(
        postgresql,
        "select array['a', null, 'b'] l, array[1.50, 2] n, '{}'::text[] e",
        "l",
        "n",
        "e",
    )
    assert [pa.array(lists[name]).to_pylist() for name in ("l", "n", "e")] == [
        [["a", "b"]],
        [["1.50", "2"]],
        [[]],
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("point(1, 2)", "has type extension<arrow.opaque[storage_type=binary, type_name=point"),
        ("12.34::money", "column 'v': cast it to numeric there"),
        ("interval '1 day'", "column 'v': cast it to text there"),
    ],
)
def test_postgresql_types_that_no_table_has_are_refused(
    postgresql: TestDatabase, value: str, said: str
) -> None:
    with pytest.raises(CatalogError) as caught:
        read(postgresql, f"select {value} as v", "v")
    assert said in str(caught.value)
    assert read(postgresql, "select point(1, 2) as p, 7 as v", "v")["v"].tolist() == [7]


def test_a_column_of_sqlite_may_hold_anything_anywhere(sqlite: TestDatabase) -> None:
    late = (
        "('A7', 'x', 0.1), (7, 5, 5.0), (9007199254740993, 'é', 1e300),"
        " (0.30000000000000004, '', 7)"
    )
    sqlite.run(
        "CREATE TABLE t (a, b text, r real)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        " INSERT INTO t SELECT null, null, null FROM n",
        f"INSERT INTO t VALUES {late}",
    )
    table = read(sqlite, "select * from t order by rowid desc", "a", "b", "r")
    assert table["a"].tolist()[:5] == ["0.30000000000000004", "9007199254740993", "7", "A7", ""]
    assert table["b"].tolist()[:5] == ["", "é", "5", "x", ""]
    assert [float(one) for one in table["r"].tolist()[:4]] == [7.0, 1e300, 5.0, 0.1]
    assert table["r"].tolist()[3] == "0.1"
    assert len(table) == 3004


def test_more_than_a_batch_comes_in_the_order_of_the_query(database: TestDatabase) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    table = read(
        database, f"{numbers} select i, 'text ' || i as t from n order by i desc", "i", "t"
    )
    assert as_text(table["i"]).tolist() == [str(one) for one in range(100_000, 0, -1)]
    assert table["t"].tolist()[-1] == "text 1"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:geheim\uff1fx@h/db",
        "postgresql://u:a[hunter2]b@h/db",
        "postgresql://u:a[hunter2@h",
        "postgresql://h/db?user=u&password=hunter2&topsecret",
        "postgresql://h/db?user=u&password=hun%00ter2",
        "postgresql://h/db?user=u&password=hunter2=x",
    ],
)
def test_an_address_that_cannot_be_read_shows_nothing_of_itself(url: str) -> None:
    try:
        said = address_of(url, Path("/catalogue"), {}).scrubbed(
            f"no such host in {url} with {url.rpartition('@')[0].rpartition('u:')[2]}"
        )
    except CatalogError as error:
        said = str(error)
    assert not re.search("hunter2|geheim|topsecret", said)


def test_every_way_in_which_a_password_is_written_is_left_out() -> None:
    url = "postgresql://h/db?password=p%2Bq%20r&password=two+three"
    address = address_of(url, Path("/catalogue"), {})
    for written in ("p%2Bq%20r", "p+q r", "two+three"):
        assert written not in address.scrubbed(f"refused: {written}")
