"""JSON lines, nested Parquet, packed files, and several files at once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from indexing.catalog import Catalog, read_catalog
from indexing.catalog.limits import Limits
from indexing.catalog.records import FileRecords
from indexing.catalog.tables import as_text, origin_of, read_table
from indexing.catalog.toml import read_catalog_config
from shortlist.errors import CatalogError

Refused = Callable[..., str]
TEXTS = pd.ArrowDtype(pa.large_list(pa.large_string()))


def write_lines(path: Path, *records: object) -> Path:
    """Writes each record as a line of JSON, a text as it is."""
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def values(path: Path, *columns: str) -> list[list[Any]]:
    """The values of these columns, column by column, None for missing."""
    table = read_table(path, columns)
    return [
        table[name].astype(object).where(table[name].notna(), None).tolist() for name in columns
    ]


def refusal(records: Path | FileRecords, *columns: str, **limits: int) -> str:
    with pytest.raises(CatalogError) as caught:
        read_table(records, columns, limits=Limits(**limits))
    return str(caught.value).removeprefix(f"{records}: ")


SHOES = [
    {"sku": 7, "name": "Shoe", "price": {"amount": 609.68, "currency": "EUR"}, "new": True},
    {"sku": "007", "name": None, "price": {"amount": 1.50}},
    {"name": "Café\n", "sku": 12345678901234567890123, "price": None, "new": False},
]


def test_json_lines_come_as_text_and_fields_of_objects_by_their_path(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "items.jsonl", *SHOES, "", '{"sku": 1.50, "price": {}}')
    assert values(path, "sku", "name", "price.amount", "price.currency", "new") == [
        ["7", "007", "12345678901234567890123", "1.50"],
        ["Shoe", None, "Café\n", None],
        ["609.68", "1.5", None, None],
        ["EUR", None, None, None],
        ["true", None, "false", None],
    ]


def test_a_value_called_like_a_path_wins_over_it(tmp_path: Path) -> None:
    records = [{"a.b": "itself", "a": {"b": "within"}}, {"a": {"b": "within"}}, {"a.b": {"c": 1}}]
    path = write_lines(tmp_path / "items.ndjson", *records[:2])
    assert values(path, "a.b") == [["itself", "within"]]
    path = write_lines(tmp_path / "items.ndjson", {"a.b": {"c.d": "x"}, "a": {"b": {}}})
    assert values(path, "a.b.c.d") == [["x"]]


def test_json_lists_are_lists_of_text(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "items.jsonl",
        {"kinds": ["a", None, 7, True]},
        {"kinds": None},
        {"kinds": []},
        {},
    )
    table = read_table(path, ["kinds"])
    assert table["kinds"].dtype == TEXTS
    assert pa.array(table["kinds"]).to_pylist() == [["a", "7", "true"], None, [], None]
    assert as_text(table["kinds"]).tolist() == ["a, 7, true", "", "", ""]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"sku": 1', "line 3: not JSON: Expecting ',' delimiter at column 10"),
        ("[1, 2]", "line 3: expected an object; is it one object a line?"),
        ('{"sku": NaN}', "line 3: not JSON: NaN is no number of JSON"),
        ('{"sku": {"id": 1}}', "line 3: column 'sku': expected text, a number or a list, found"),
        ('{"sku": ["1"]}', "line 3: column 'sku': found a list, expected none as in the records"),
        ('{"sku": "\\ud800"}', "line 3: column 'sku': 'utf-8' codec can't encode character"),
        ("[" * 200_000, "line 3: not JSON: nested too deeply"),
    ],
    ids=lambda value: value[:12],
)
def test_a_bad_line_of_json_is_refused_with_its_number(
    tmp_path: Path, line: str, said: str
) -> None:
    path = write_lines(tmp_path / "items.jsonl", {"sku": "1"}, "", line)
    assert refusal(path, "sku").startswith(said)


def test_a_text_where_lists_were_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "items.jsonl", {"kinds": ["a"]}, {"kinds": "b"})
    assert refusal(path, "kinds") == (
        "line 2: column 'kinds': found 'b', expected a list as in the records before"
    )
    path = write_lines(tmp_path / "items.jsonl", {"kinds": [["a"]]})
    assert "line 1: column 'kinds': expected a list of texts, found a list of" in refusal(
        path, "kinds"
    )


def test_a_name_that_no_record_has_is_missing(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "items.jsonl", *SHOES)
    assert refusal(path, "sku", "titel") == (
        "column 'titel' is missing; columns found: 'sku', 'name', 'price.amount',"
        " 'price.currency', 'new'"
    )
    path.write_text("")
    assert refusal(path, "sku") == "column 'sku' is missing; columns found: "


def test_json_lines_that_are_not_utf8_are_refused_with_their_offset(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(b'{"sku": "Am\xe9lie"}\n')
    assert refusal(path, "sku").startswith("not UTF-8 at byte 11 (0xe9); it looks like cp1252")


def test_the_limits_hold_for_json_lines(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "items.jsonl", {"sku": "1"}, {"sku": "x" * 2000})
    said = refusal(path, "sku", line_bytes=1000)
    assert said.startswith("line 2: more than 1000 bytes; is it one object a line?")
    assert refusal(path, "sku", field_bytes=1999).startswith(
        "line 2: column 'sku': expected at most 1999 bytes in a field, found 2000;"
    )
    assert refusal(path, "sku", events=1).startswith("more than 1 records; raise limits.events")
    packed = tmp_path / "items.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"sku": "1"}\n' * 1_000_000))
    assert refusal(packed, "sku", file_bytes=1_000_000).startswith("unfolds to more than 1000000")


def pack(data: bytes, suffix: str) -> bytes:
    return gzip.compress(data) if suffix == ".gz" else pa.compress(data, "zstd", asbytes=True)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("items.csv", "id,title\n1,één\n2,b\n"),
        ("items.tsv", "id\ttitle\n1\téén\n2\tb\n"),
        ("items.jsonl", '{"id": 1, "title": "één"}\n{"id": 2, "title": "b"}\n'),
    ],
)
def test_every_format_of_text_may_be_packed(
    tmp_path: Path, name: str, text: str, suffix: str
) -> None:
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(pack(text.encode(), suffix))
    assert values(path, "id", "title") == [["1", "2"], ["één", "b"]]
    path.write_bytes(pack(text.encode(), suffix)[:-9])
    assert refusal(path, "id").startswith("cannot be read: ")


def test_a_packed_zst_unfolds_to_no_more_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.zst"
    path.write_bytes(pack(b"id,text\n" + b"1,a\n" * 10_000_000, ".zst"))
    assert path.stat().st_size < 10_000
    assert refusal(path, "id", file_bytes=20_000_000).startswith("unfolds to more than 20000000")


def write_parquet(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pa.parquet.write_table(pa.table(columns), path, **options)
    return path


def test_parquet_fields_of_structs_are_named_by_their_path(tmp_path: Path) -> None:
    columns = {
        "id": [1, 2, 3],
        "price": [{"amount": 9.5, "in": {"code": "EUR"}}, None, {"amount": None, "in": None}],
        "a.b": ["itself", "x", None],
        "a": [{"b": "within", "c": "1"}, {"b": "y", "c": "2"}, None],
    }
    path = write_parquet(tmp_path / "items.parquet", columns)
    assert values(path, "price.amount", "price.in.code", "a.b", "a.c") == [
        [9.5, None, None],
        ["EUR", None, None],
        ["itself", "x", None],
        ["1", "2", None],
    ]
    assert refusal(path, "price.total") == (
        "column 'price.total' is missing; columns found: 'id', 'price.amount', 'price.in.code',"
        " 'a.b', 'a.b', 'a.c'"
    )


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_(pa.dictionary(pa.int32(), pa.string())),
        pa.list_(pa.binary()),
    ],
    ids=str,
)
def test_parquet_lists_are_lists_of_text(tmp_path: Path, kind: pa.DataType) -> None:
    lists = [["a", None, "é"], None, [], [None], ["a"]]
    path = write_parquet(tmp_path / "items.parquet", {"kinds": pa.array(lists).cast(kind)})
    table = read_table(path, ["kinds"])
    assert table["kinds"].dtype == TEXTS
    assert pa.array(table["kinds"]).to_pylist() == [["a", "é"], None, [], [], ["a"]]


def test_parquet_lists_of_numbers_and_within_structs_are_lists_of_text(tmp_path: Path) -> None:
    columns = {
        "a": [{"sizes": [38, 39]}, None],
        "sizes": pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)),
    }
    path = write_parquet(tmp_path / "items.parquet", columns)
    table = read_table(path, ["a.sizes", "sizes"])
    assert pa.array(table["a.sizes"]).to_pylist() == [["38", "39"], None]
    assert pa.array(table["sizes"]).to_pylist() == [["1", "2"], ["3", "4"]]


def test_parquet_times_are_iso_8601_in_utc(tmp_path: Path) -> None:
    at = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)
    columns = {
        "at": pa.array([at, None], pa.timestamp("us", tz="Europe/Berlin")),
        "plain": pa.array([at.replace(tzinfo=None), None], pa.timestamp("s")),
        "exact": pa.array([at.replace(microsecond=250_000), None], pa.timestamp("ns")),
        "day": pa.array([date(2024, 5, 1), None]),
    }
    path = write_parquet(tmp_path / "items.parquet", columns)
    assert values(path, *columns) == [
        ["2024-05-01T10:30:00Z", None],
        ["2024-05-01T10:30:00Z", None],
        ["2024-05-01T10:30:00.25Z", None],
        ["2024-05-01", None],
    ]


@pytest.mark.parametrize("within", ["list", "struct"])
def test_a_nested_text_said_often_is_not_unfolded_beyond_the_limit(
    tmp_path: Path, within: str
) -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), ["x" * 100_000])
    if within == "list":
        column = pa.ListArray.from_arrays(pa.array([0, 50_000], pa.int32()), words)
    else:
        column = pa.StructArray.from_arrays([words], names=["b"])
    path = write_parquet(tmp_path / "bomb.parquet", {"a": column})
    assert path.stat().st_size < 200_000  # 5 GB when unfolded
    before = pa.total_allocated_bytes()
    name = "a" if within == "list" else "a.b"
    assert refusal(path, name, file_bytes=20_000_000).startswith("unfolds to more than ")
    assert pa.total_allocated_bytes() - before < 20_000_000


def test_lists_stored_in_a_way_that_could_unfold_are_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"use_dictionary": False}
    columns = {"a": [["x" * 100_000] * 100]}
    encoding = {"a.list.element": "DELTA_BYTE_ARRAY"}
    path = write_parquet(tmp_path / "a.parquet", columns, column_encoding=encoding, **options)
    assert "lists of texts stored as differences" in refusal(path, "a")
    ones = pa.ListArray.from_arrays(
        pa.array([0, 20_000_000], pa.int32()), pa.array([7] * 20_000_000, pa.int8())
    )
    path = write_parquet(tmp_path / "b.parquet", {"a": ones})
    assert refusal(path, "a", file_bytes=20_000_000).startswith("unfolds to more than ")


def test_a_list_is_one_field(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "items.parquet", {"a": [["x"], ["x" * 30] * 40]})
    assert refusal(path, "a", field_bytes=1000) == (
        "row 2: column 'a': expected at most 1000 bytes in a field, found 1278; raise"
        " limits.field_bytes in catalog.toml if it should hold them"
    )


CATALOG = """\
name = "shop"
[items]
file = FILE
id = "sku"
title = "name"
categories = { column = "kinds", separator = "|", none = "none" }
alternative_titles = { column = "also" }
text = ["notes"]
"""


def catalog_of(folder: Path, file: str) -> Catalog:
    path = folder / "catalog.toml"
    path.write_text(CATALOG.replace("FILE", file))
    return read_catalog(read_catalog_config(path))


def test_categories_titles_and_texts_may_be_lists(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "items.jsonl",
        {
            "sku": 1,
            "name": "a",
            "kinds": ["x|y", " z ", "x|y"],
            "also": ["b, c"],
            "notes": ["n", "m"],
        },
        {"sku": 2, "name": "b", "kinds": ["none", ""], "also": [], "notes": None},
        {"sku": 3, "name": "c"},
    )
    items = catalog_of(tmp_path, '"items.jsonl"').items
    assert items.categories.names == ("x|y", "z")
    assert items.categories.lists.offsets.tolist() == [0, 2, 2, 2]
    assert items.alternatives == [["b, c"], [], []]
    assert items.text["notes"].tolist() == ["n, m", "", ""]


def test_a_list_of_too_many_categories_is_refused_with_its_line(
    tmp_path: Path, refused: Refused
) -> None:
    write_lines(
        tmp_path / "items.jsonl",
        {"sku": 1, "name": "a", "kinds": ["x"] * 1001, "also": [], "notes": ""},
    )
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("FILE", '"items.jsonl"'))
    said = refused(path)
    assert "items.jsonl: line 1: column 'kinds': expected at most 1000 values of an item" in said


def write_parts(folder: Path, *texts: str) -> None:
    for number, text in enumerate(texts, 1):
        (folder / f"part-{number}.csv").write_text(f"sku,name,kinds,also,notes\n{text}")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ('"part-*.csv"', ["a", "b", "c"]),
        ('["part-3.csv", "part-1.csv"]', ["c", "a"]),
        ('["part-3.csv", "part-[12].csv"]', ["c", "a", "b"]),
        ('"**/part-*.csv"', ["a", "b", "c"]),
    ],
)
def test_several_files_are_one_table_in_the_order_named_or_sorted(
    tmp_path: Path, file: str, expected: Sequence[str]
) -> None:
    write_parts(tmp_path, "1,a,,,\n", "2,b,,,\n", "3,c,,,\n")
    assert catalog_of(tmp_path, file).items.titles.tolist() == expected
    assert catalog_of(tmp_path, f'"{tmp_path}/part-*.csv"').items.titles.tolist() == list("abc")


def test_a_record_of_several_files_is_located_by_file_and_line(
    tmp_path: Path, refused: Refused
) -> None:
    write_parts(tmp_path, '1,"a\nb",,,\n', "", "2,c,,,\n1,d,,,\n")
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("FILE", '"part-*.csv"'))
    assert refused(path) == (
        f"{tmp_path}/part-*.csv: duplicate id: '1' (part-1.csv line 2), '1' (part-3.csv line 3);"
        " 2 in all"
    )


def test_a_part_without_a_column_is_named(tmp_path: Path, refused: Refused) -> None:
    write_parts(tmp_path, "1,a,,,\n")
    (tmp_path / "part-2.csv").write_text("sku,name\n2,b\n")
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("FILE", '"part-*.csv"'))
    assert refused(path).startswith(f"{tmp_path}/part-2.csv: column 'kinds' is missing; columns")


def test_a_folder_stands_for_its_parquet_parts(tmp_path: Path) -> None:
    folder = tmp_path / "items"
    folder.mkdir()
    for number, sku in ((2, 7), (1, 8)):
        row = {"sku": [sku], "name": [f"n{sku}"], "kinds": [["x"]], "also": [""], "notes": [""]}
        write_parquet(folder / f"part-{number}.parquet", row)
    (folder / "_SUCCESS").write_text("")
    (folder / ".part-1.parquet").write_text("no Parquet")
    items = catalog_of(tmp_path, '"items"').items
    assert items.ids.tolist() == [8, 7]
    assert items.categories.names == ("x",)


def test_parts_whose_types_differ_are_text(tmp_path: Path) -> None:
    first = write_parquet(tmp_path / "1.parquet", {"id": [7], "n": pa.nulls(1), "kinds": [["x"]]})
    second = write_parquet(tmp_path / "2.parquet", {"id": ["A7"], "n": [1.5], "kinds": ["x"]})
    records = FileRecords("both", (first, second))
    table = read_table(records, ["id", "n"])
    assert table["id"].tolist() == ["7", "A7"]
    assert table["n"].tolist()[1] == 1.5
    assert refusal(records, "kinds") == (
        "both: column 'kinds' has lists in one file and none in another"
    )


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ('"nothing-*.csv"', "nothing-*.csv: no file has such a name"),
        ('["part-1.csv", "part-*.csv"]', "part-1.csv: named twice; its records would count twice"),
        ('["part-1.csv", "part-9.csv"]', "part-9.csv: no such file"),
        ('"empty"', "empty: a folder without Parquet files; name other files by a pattern, as"),
        ("[]", "items.file"),
        ('"a**b"', "Invalid pattern: '**' can only be an entire path component"),
    ],
)
def test_names_without_files_are_refused(
    tmp_path: Path, refused: Refused, file: str, said: str
) -> None:
    write_parts(tmp_path, "1,a,,,\n")
    (tmp_path / "empty").mkdir()
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("FILE", file))
    assert said in refused(path)


@pytest.mark.parametrize(
    ("file", "setting"),
    [
        ("items.jsonl", 'delimiter = ";"'),
        ("items.parquet", 'quote = ""'),
        ("items.parquet", 'encoding = "cp1252"'),
    ],
)
def test_a_setting_that_means_nothing_for_a_file_is_refused(
    tmp_path: Path, refused: Refused, file: str, setting: str
) -> None:
    (tmp_path / file).write_text("")
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("FILE", f'"{file}"\n{setting}'))
    name = setting.partition(" ")[0]
    assert refused(path) == f"{tmp_path}/{file}: {name} is not for files of this kind; leave it out"


def test_more_than_a_batch_of_json_lines_keeps_its_places(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "items.jsonl", *({"n": n} for n in range(10_000)))
    assert read_table(path, ["n"])["n"].tolist() == [str(n) for n in range(10_000)]
    assert origin_of(path).locate([0, 9999]) == ["line 1", "line 10000"]


def test_numbers_of_json_are_numbers_whatever_texts_are_written_like(tmp_path: Path) -> None:
    lines = [
        '{"sku": "A1", "name": "a", "price": 1.234}',
        '{"sku": "A2", "name": "b", "price": "1.234,5"}',
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(lines))
    (tmp_path / "catalog.toml").write_text("""name = "shop"
[items]
file = "items.jsonl"
decimal = ","
thousands = "."
id = "sku"
title = "name"
attributes.price = { column = "price", type = "number" }
""")
    items = read_catalog(read_catalog_config(tmp_path / "catalog.toml")).items
    assert items.attributes["price"].to_pylist() == [1.234, 1234.5]


def test_a_point_of_numbers_is_one_whatever_texts_are_written_like(tmp_path: Path) -> None:
    table = pa.table({"sku": ["A1"], "name": ["a"], "lat": [52.5], "lon": [13.25]})
    pa.parquet.write_table(table, tmp_path / "items.parquet")
    (tmp_path / "catalog.toml").write_text("""name = "shop"
[items]
file = "items.parquet"
decimal = ","
id = "sku"
title = "name"
attributes.place = { columns = ["lat", "lon"], type = "point" }
""")
    items = read_catalog(read_catalog_config(tmp_path / "catalog.toml")).items
    assert items.attributes["place"].to_pylist() == [{"lat": 52.5, "lon": 13.25}]
