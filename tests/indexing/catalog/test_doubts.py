"""What a build warns about: it is built as it stands, and a person is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config

CATALOG = """name = "shop"
[items]
file = "movies.csv"
id = "sku"
title = "name"
categories = { column = "kinds" FOLD }
"""
Said = Callable[..., list[str]]


@pytest.fixture
def said(write_catalog: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> Said:
    def warnings(*rows: str, fold: str = "") -> list[str]:
        text = "\n".join(["sku,name,kinds", *rows, ""])
        path = write_catalog(catalog=CATALOG.replace("FOLD", fold), movies=text)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            read_catalog(read_catalog_config(path))
        return [
            message.removeprefix(f"{path.parent / 'movies.csv'}: ") for message in caplog.messages
        ]

    return warnings


def test_a_plain_catalogue_raises_no_doubt(said: Said) -> None:
    assert said("1,Lamp,Light", "2,Pan,Kitchen|Iron") == []


def test_integers_that_became_floats_are_told(said: Said) -> None:
    assert said("1.0,Lamp,", "2.0,Pan,") == [
        "every id ends in .0, as integers do that a missing value has made floats: '1.0'"
    ]
    assert said("1.0,Lamp,", "2.5,Pan,") == []


def test_ids_that_a_person_takes_for_the_same_are_told(said: Said) -> None:
    assert said("a-1,Lamp,", "A-1,Pan,", '" a-1",Cup,', "b,Bowl,") == [
        "ids that differ by blanks or case alone are different items: 'a-1', 'A-1', ' a-1' (line"
        " 2, line 3, line 4); 3 such ids"
    ]


def test_empty_titles_and_nul_characters_are_told(said: Said) -> None:
    assert said("1,,", "2,  ,", "3,A\0B,") == [
        "line 2, line 3: an empty title; 2 in all",
        "line 4: 'name' holds a NUL character; 1 in all",
    ]


def test_categories_that_differ_by_case_are_told_or_joined(said: Said) -> None:
    rows = ("1,Lamp,Light|light", "2,Pan,LIGHT", "3,Cup,Light")
    assert said(*rows) == [
        "categories that differ by case alone are different ones: 'LIGHT', 'Light', 'light'; 3 such"
        " names; items.categories.fold_case = true joins them"
    ]
    assert said(*rows, fold=", fold_case = true") == []


def test_joined_categories_are_called_as_most_items_call_them(
    write_catalog: Callable[..., Path],
) -> None:
    rows = ["sku,name,kinds", "1,Lamp,light|Light", "2,Pan,light", "3,Cup,IRON", ""]
    catalog = CATALOG.replace("FOLD", ", fold_case = true")
    items = read_catalog(
        read_catalog_config(write_catalog(catalog=catalog, movies="\n".join(rows)))
    ).items
    assert items.categories.names == ("IRON", "light")
    assert [items.categories.of(row) for row in range(3)] == [["light"], ["light"], ["IRON"]]
