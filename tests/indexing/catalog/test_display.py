"""What results show of an item: subtitles, descriptions, addresses, and what is left out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from indexing.catalog import Catalog, read_catalog
from indexing.catalog.display import MOST_CHARACTERS, shortened
from indexing.catalog.toml import read_catalog_config
from shortlist.errors import CatalogError

CATALOG = """name = "shop"
[items]
file = "movies.csv"
id = "sku"
title = "name"
attributes.price = { column = "price", type = "number" }
[display]
"""
ITEMS = """sku,name,price,brand,colour,text,photo
A/1,Lamp,9.5,Lux,red,"Warm  light\nfor evenings.",https://img.example/1.jpg
B 2,Pan,,Iron,,,javascript:alert(1)
C3,Cup,3,,,Blue.,
"""


@pytest.fixture
def shop(write_catalog: Callable[..., Path]) -> Callable[..., Catalog]:
    def read(*lines: str) -> Catalog:
        path = write_catalog(catalog="\n".join([CATALOG, *lines]), movies=ITEMS)
        return read_catalog(read_catalog_config(path))

    return read


def shown(catalog: Catalog, name: str) -> list[str | None]:
    texts: list[str | None] = catalog.items.display[name].to_pylist()
    return texts


def test_a_subtitle_has_the_parts_that_are_there(shop: Callable[..., Catalog]) -> None:
    catalog = shop('subtitle = "{brand} · {colour} · {price}"')
    assert shown(catalog, "subtitle") == ["Lux · red · 9.5", "Iron", "3.0"]


def test_a_description_is_one_line_and_cut_behind_a_word(shop: Callable[..., Catalog]) -> None:
    assert shown(shop('description = "text"'), "description") == [
        "Warm light for evenings.", None, "Blue."
    ]  # fmt: skip
    assert shortened("word " * 100) == f"{'word ' * 58}word…"
    assert len(shortened("x" * 1000)) == MOST_CHARACTERS


def test_a_link_escapes_what_it_is_filled_with_and_needs_all_of_it(
    shop: Callable[..., Catalog],
) -> None:
    catalog = shop('link = "https://shop.example/p/{sku}?c={colour}"')
    assert shown(catalog, "link") == ["https://shop.example/p/A%2F1?c=red", None, None]
    assert shown(shop('link = "/p/{sku}"'), "link") == ["/p/A%2F1", "/p/B%202", "/p/C3"]


def test_what_is_no_address_of_the_web_is_left_out_with_a_warning(
    shop: Callable[..., Catalog], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        catalog = shop('image = "{photo}"')
    assert shown(catalog, "image") == ["https://img.example/1.jpg", None, None]
    (said,) = caplog.messages
    assert "line 4: display.image: 'javascript:alert(1)' is no address of http or https" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('link = "https://x/{nothing}"', "column 'nothing' is missing"),
        ('link = "https://x/"', "display.link 'https://x/': names no field"),
        ('subtitle = "{price:.2f}"', "expected {price} without a format"),
        ('attributes.size = { label = "Size" }', "display.attributes.size: no such attribute"),
        ('attributes.price = { digits = 2 }', "unknown key 'display.attributes.price.digits'"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_explained(
    shop: Callable[..., Catalog], line: str, said: str
) -> None:
    with pytest.raises(CatalogError) as refused:
        shop(line)
    assert said in str(refused.value)


def test_a_subtitle_keeps_signs_and_drops_what_has_no_value(shop: Callable[..., Catalog]) -> None:
    # a part is dropped where none of its fields is there
    assert shown(shop('subtitle = "{brand} · from {price} EUR"'), "subtitle") == [
        "Lux · from 9.5 EUR", "Iron", "from 3.0 EUR"
    ]  # fmt: skip
    assert shown(shop('subtitle = "{brand}: {price} EUR · new"'), "subtitle") == [
        "Lux: 9.5 EUR · new", "Iron:  EUR · new", ": 3.0 EUR · new"
    ]  # fmt: skip
    assert shown(shop('subtitle = "{sku}"'), "subtitle") == ["A/1", "B 2", "C3"]


def test_a_number_below_0_keeps_its_sign(write_catalog: Callable[..., Path]) -> None:
    path = write_catalog(
        catalog=f'{CATALOG}subtitle = "{{price}} °C"\n', movies=ITEMS.replace("9.5", "-5")
    )
    assert shown(read_catalog(read_catalog_config(path)), "subtitle") == ["-5.0 °C", None, "3.0 °C"]
