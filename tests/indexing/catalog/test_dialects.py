"""CSV files as programs and countries write them, read by what catalog.toml says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from indexing.catalog import Catalog, read_catalog
from indexing.catalog.encodings import likely_encoding
from indexing.catalog.number_format import NumberFormat, plain_numbers
from indexing.catalog.origin import Origin
from indexing.catalog.toml import read_catalog_config
from shortlist.errors import CatalogError

Refused = Callable[..., str]
Write = Callable[..., Path]

CATALOG = """\
name = "shop"
[items]
file = "FILE"
id = "sku"
title = "name"
SETTINGS
[items.attributes]
price = { column = "price", type = "number" }
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of items and a catalog.toml with these settings of it; returns the latter."""

    def write_catalog(content: str | bytes, *settings: str, file: str = "items.csv") -> Path:
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / file).write_bytes(data)
        path = tmp_path / "catalog.toml"
        text = CATALOG.replace("FILE", file).replace("SETTINGS", "\n".join(settings))
        path.write_text(text, encoding="utf-8")
        return path

    return write_catalog


def catalog_of(path: Path) -> Catalog:
    return read_catalog(read_catalog_config(path))


def rows_of(path: Path) -> list[tuple[object, str, float | None]]:
    """Id, title and price of each item."""
    items = catalog_of(path).items
    prices = items.attributes["price"].to_pylist()
    return list(zip(items.ids.tolist(), items.titles.tolist(), prices, strict=True))


SHOES = [("A1", "Shoe, red", 9.5), ("A2", 'Shoe "blue"', None)]


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        ('sku,name,price\nA1,"Shoe, red",9.5\nA2,"Shoe ""blue""",\n', []),
        ('sku;name;price\nA1;Shoe, red;9.5\nA2;"Shoe ""blue""";\n', ['delimiter = ";"']),
        ('sku|name|price\nA1|Shoe, red|9.5\nA2|Shoe "blue"|\n', ['delimiter = "|"', 'quote = ""']),
        (
            "sku,name,price\nA1,'Shoe, red',9.5\nA2,Shoe \"blue\",\n",
            ['quote = "\'"'],
        ),
    ],
    ids=["usual", "semicolon", "bar without quotes", "apostrophes"],
)
def test_csv_is_read_as_the_settings_say(write: Write, content: str, settings: list[str]) -> None:
    assert rows_of(write(content, *settings)) == SHOES


def test_a_tsv_is_parted_by_tabs_unless_a_delimiter_is_set(write: Write) -> None:
    text = 'sku\tname\tprice\nA1\tShoe, red\t9.5\nA2\t"Shoe ""blue"""\t\n'
    assert rows_of(write(text, file="items.tsv")) == SHOES
    assert rows_of(write(text.replace("\t", ";"), 'delimiter = ";"', file="items.tsv")) == SHOES


@pytest.mark.parametrize("encoding", ["cp1252", "iso-8859-15", "cp1250", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_text_is_read_in_its_encoding(write: Write, encoding: str, bom: bytes) -> None:
    text = "sku,name,price\nA1,Schöne Schuhe € 5,9.5\n"
    assert rows_of(write(text.encode(encoding), f'encoding = "{encoding}"')) == [
        ("A1", "Schöne Schuhe € 5", 9.5)
    ]
    assert rows_of(write(bom + text.encode())) == [("A1", "Schöne Schuhe € 5", 9.5)]


@pytest.mark.parametrize(
    ("delimiter", "called", "written"),
    [(";", "a semicolon", ";"), ("\t", "a tab", "\\t"), ("|", "a bar", "|")],
)
def test_a_header_that_came_as_one_column_names_the_delimiter_it_looks_like(
    write: Write, refused: Refused, delimiter: str, called: str, written: str
) -> None:
    path = write(f"sku{delimiter}name{delimiter}price\nA1{delimiter}Shoe, red{delimiter}1\n")
    assert refused(path) == (
        f"{path.parent / 'items.csv'}: column 'sku' is missing; its header came as one column and"
        f' looks parted by {called}: say delimiter = "{written}" in catalog.toml'
    )


def test_a_delimiter_that_is_not_the_files_is_told_as_well(write: Write, refused: Refused) -> None:
    said = refused(write("sku,name,price\nA1,Shoe,1\n", 'delimiter = ";"'))
    assert 'looks parted by a comma: say delimiter = "," in catalog.toml' in said


@pytest.mark.parametrize(
    ("content", "settings", "said"),
    [
        (
            # "sku,name,price\nA1,Sch" is 15 + 6 = 21 bytes.
            "sku,name,price\nA1,Schöne Schuhe,9\n".encode("cp1252"),
            [],
            'not UTF-8 at byte 21 (0xf6); it looks like cp1252: say encoding = "cp1252" in',
        ),
        (
            "sku,name,price\nA1,Schöne,9\n".encode("utf-16"),
            [],
            'not UTF-8 at byte 0 (0xff); it looks like utf-16: say encoding = "utf-16" in',
        ),
        (
            "sku,name,price\nA1,Красные кроссовки на лето,9\n".encode("cp1251"),
            [],
            "(0xca); say its encoding in catalog.toml, or convert the file to UTF-8",
        ),
        (
            "sku,name,price\nA1,Schöne,9\n".encode(),
            ['encoding = "ascii"'],
            'not ASCII at byte 21 (0xc3); it looks like utf-8: say encoding = "utf-8" in',
        ),
        (
            "sku,name,price\nA1,Schöne,9\n".encode(),
            ['encoding = "utf-16"'],
            'not UTF-16; it looks like utf-8: say encoding = "utf-8" in catalog.toml if it is',
        ),
    ],
    ids=["cp1252", "utf-16", "unknown", "utf-8", "no mark"],
)
def test_bytes_of_another_encoding_name_the_likely_one(
    write: Write, refused: Refused, content: bytes, settings: list[str], said: str
) -> None:
    assert said in refused(write(content, *settings))


def test_utf_16_without_a_mark_is_told_by_its_zeros() -> None:
    text = "sku,name\nA1,Schöne\n"
    assert likely_encoding(text.encode("utf-16-le"), 0) == "utf-16-le"
    assert likely_encoding(text.encode("utf-16-be"), 0) == "utf-16-be"
    assert likely_encoding(b"caf\x81", 3) is None  # a byte that cp1252 has not


@pytest.mark.parametrize(
    ("price", "settings", "expected"),
    [
        ("609,68", ['decimal = ","'], 609.68),
        ("€609.68", ['currency = "€"'], 609.68),
        ("-€609.68", ['currency = "€"'], -609.68),
        ("609.68\u00a0EUR", ['currency = "EUR"'], 609.68),
        ("6,096.80", ['thousands = ","'], 6096.80),
        ("1,234,567", ['thousands = ","'], 1234567.0),
        ("6.096,80 €", ['decimal = ","', 'thousands = "."', 'currency = "€"'], 6096.80),
        ("6\u202f096,80", ['decimal = ","', 'thousands = " "'], 6096.80),
        ("6'096.80", ['thousands = "\'"'], 6096.80),
        ("96.80", ['thousands = ","'], 96.80),
        ("1,5e3", ['decimal = ","'], 1500.0),
        ("N/A", ['null_values = ["N/A", "-"]'], None),
        ("-", ['null_values = ["N/A", "-"]', 'currency = "€"'], None),
    ],
)
def test_a_price_is_read_by_setting_and_refused_by_line_without(
    write: Write, refused: Refused, price: str, settings: list[str], expected: float | None
) -> None:
    content = f'sku,name,price\nA1,a,"{price}"\nA2,b,7\n'
    assert rows_of(write(content, *settings)) == [("A1", "a", expected), ("A2", "b", 7.0)]
    if price != "96.80":
        said = refused(write(content))
        assert "items.csv: line 2: attribute 'price': expected number, found " in said
        assert said.endswith(repr(price))


@pytest.mark.parametrize(
    ("price", "settings", "shown"),
    [
        ("609.68", ['decimal = ","'], 'decimal = ","'),
        ("$5.00", ['currency = "€"'], 'decimal = ".", currency = "€"'),
        ("6,09", ['thousands = ","'], 'decimal = ".", thousands = ","'),
        ("60,9680", ['thousands = ","'], 'decimal = ".", thousands = ","'),
        ("1 000", ['thousands = ","'], 'decimal = ".", thousands = ","'),
        ("five", ['decimal = ","'], 'decimal = ","'),
    ],
)
def test_a_price_that_is_not_of_the_setting_is_refused_by_line(
    write: Write, refused: Refused, price: str, settings: list[str], shown: str
) -> None:
    path = write(f'sku,name,price\nA1,a,1\nA2,b,"{price}"\n', *settings)
    assert refused(path) == (
        f"{path.parent / 'items.csv'}: line 3: attribute 'price': expected a number written with"
        f" {shown}, found {price!r}"
    )


def test_the_settings_of_numbers_leave_ids_and_titles_alone(write: Write) -> None:
    content = "sku;name;price\n1,5;2,5 inch;3,5\n"
    path = write(content, 'delimiter = ";"', 'decimal = ","')
    assert rows_of(path) == [("1,5", "2,5 inch", 3.5)]


def test_null_values_are_no_value_in_any_column(write: Write, refused: Refused) -> None:
    said = refused(write("sku,name,price\nA1,a,1\nN/A,b,2\n", 'null_values = ["N/A"]'))
    assert "empty id: '' (line 3); 1 in all" in said


def test_ratings_are_written_as_their_own_table_says(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,name\n1,a\n2,b\n")
    (tmp_path / "ratings.csv").write_text("item;stars\n1;4,5\n2;2\n")
    (tmp_path / "tags.csv").write_bytes("item|tag\n1|café\n".encode("cp1252"))
    path = tmp_path / "catalog.toml"
    path.write_text(
        'name = "shop"\n[items]\nfile = "items.csv"\nid = "id"\ntitle = "name"\n'
        '[tags]\nfile = "tags.csv"\nitem = "item"\ntag = "tag"\ndelimiter = "|"\n'
        'encoding = "cp1252"\n'
        '[ratings]\nfile = "ratings.csv"\nitem = "item"\nvalue = "stars"\nscale = [1, 5]\n'
        'delimiter = ";"\ndecimal = ","\n'
    )
    catalog = catalog_of(path)
    assert catalog.ratings is not None
    assert catalog.tags is not None
    assert catalog.ratings.table["value"].tolist() == [4.5, 2.0]
    assert catalog.tags.table["tag"].tolist() == ["café"]


def test_a_rating_that_is_not_of_the_setting_is_refused_by_line(
    tmp_path: Path, refused: Refused
) -> None:
    (tmp_path / "items.csv").write_text("id,name\n1,a\n")
    (tmp_path / "ratings.csv").write_text("item,stars\n1,4.5\n1,4/5\n")
    path = tmp_path / "catalog.toml"
    path.write_text(
        'name = "shop"\n[items]\nfile = "items.csv"\nid = "id"\ntitle = "name"\n'
        '[ratings]\nfile = "ratings.csv"\nitem = "item"\nvalue = "stars"\nscale = [1, 5]\n'
        'currency = "★"\n'
    )
    assert refused(path).endswith(
        'ratings.csv: line 3: rating: expected a number written with decimal = ".",'
        " currency = \"★\", found '4/5'"
    )


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            'delimiter = ""',
            "items.delimiter: expected one ASCII character that ends no",
        ),
        ('delimiter = ";;"', "items.delimiter: expected one ASCII character"),
        ('delimiter = "\\n"', "items.delimiter: expected one ASCII character"),
        ('delimiter = "§"', "items.delimiter: expected one ASCII character"),
        ("delimiter = '\"'", "delimiter and quote: expected two characters"),
        ('decimal = "."\nthousands = "."', "decimal and thousands: expected two characters"),
        ('decimal = ";"', "items.decimal: Input should be '.' or ',', found ';'"),
        ('encoding = "latin-15"', "items.encoding: not the name of an encoding; utf-8, cp1252,"),
        ('encoding = "base64"', "items.encoding: not the name of an encoding; utf-8, cp1252,"),
    ],
)
def test_a_setting_out_of_range_is_refused(
    write: Write, refused: Refused, setting: str, said: str
) -> None:
    assert said in refused(write("sku,name,price\n", setting))


def test_a_number_format_reads_what_it_writes_in_time_linear_in_the_text() -> None:
    origin = Origin("items.csv", lambda rows: [f"line {row + 2}" for row in rows])
    values = pd.Series(["1" + ",234" * 100_000 + "x"], dtype="str")
    with pytest.raises(CatalogError, match="line 2: price: expected a number written with"):
        plain_numbers(values, "price", NumberFormat(thousands=","), origin=origin)
