"""The item file: categories, attributes and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from indexing.catalog.attributes import read_attribute
from indexing.catalog.items import Items, read_items, split_categories
from indexing.catalog.sources import (
    AttributeConfig,
    CategoriesConfig,
)
from indexing.catalog.tables import origin_of
from indexing.catalog.toml import read_catalog_config
from shortlist.bundle.attributes import Kind
from shortlist.errors import CatalogError

Films = Callable[..., Path]
Refused = Callable[..., str]
NOWHERE = Path("items.parquet")


def items_of(catalog: Path) -> Items:
    config = read_catalog_config(catalog)
    return read_items(config.items, config.folder)


def test_items_keep_the_order_of_the_file(films: Films) -> None:
    items = items_of(films())
    assert items.ids.tolist() == [1, 2, 3, 4, 5]
    assert items.titles.tolist() == [
        "Star Voyage (1999)",
        "Kitchen, The (2005)",
        "Deep Love (1987)",
        "Robot Dawn (2020)",
        "Silent Farm",
    ]
    assert items.attributes["year"].to_pylist() == [1999, 2005, 1987, 2020, None]


def test_an_empty_catalogue_is_refused(films: Films, refused: Refused) -> None:
    path = films(movies="movieId,title,genres\n")
    assert refused(path) == (
        f"{path.parent / 'movies.csv'}: the catalogue is empty; expected at least one item"
    )


def test_categories_are_compressed_rows(films: Films) -> None:
    categories = items_of(films()).categories
    assert categories.names == ("Adventure", "Comedy", "Drama", "Romance", "Sci-Fi")
    # Adventure|Sci-Fi, Comedy, Drama|Romance, Sci-Fi, none
    assert categories.lists.offsets.tolist() == [0, 2, 3, 5, 6, 6]
    assert categories.lists.indices.tolist() == [0, 4, 1, 2, 3, 4]


def test_a_repeated_or_blank_category_counts_once_or_not_at_all() -> None:
    text = {"tags": pd.Series(["b; a ;b;;", "", "none", "a;none"])}
    config = CategoriesConfig(column="tags", separator=";", none="none")
    categories = split_categories(text, config, n_items=4)
    assert categories.names == ("a", "b")
    assert categories.lists.offsets.tolist() == [0, 2, 2, 2, 3]
    assert categories.lists.indices.tolist() == [1, 0, 0]


def test_a_separator_is_no_regular_expression() -> None:
    config = CategoriesConfig(column="tags", separator=".")
    categories = split_categories({"tags": pd.Series(["a.b"])}, config, n_items=1)
    assert categories.names == ("a", "b")


def test_a_catalogue_without_categories_has_empty_rows() -> None:
    categories = split_categories({}, None, n_items=2)
    assert categories.lists.offsets.tolist() == [0, 0, 0]
    assert (categories.lists.indices.tolist(), categories.names) == ([], ())


def attribute(kind: str, *values: object) -> list[object]:
    config = AttributeConfig(column="c", type=Kind(kind))
    columns = {"c": pd.Series(values)}
    found: list[object] = read_attribute(
        columns, "size", config, origin=origin_of(NOWHERE)
    ).to_pylist()
    return found


def test_an_attribute_without_a_value_is_null() -> None:
    assert attribute("integer", "12", "", " 7 ", "-3.0") == [12, None, 7, -3]
    assert attribute("integer", str(2**53 + 1), "", str(2**63 - 1), str(-(2**63)), "5.0") == [
        *(2**53 + 1, None, 2**63 - 1, -(2**63), 5)
    ]
    assert attribute("number", "12.5", "", "1e3") == [12.5, None, 1000.0]
    assert attribute("string", " red ", "") == ["red", None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "12.5"),
        ("integer", "twelve"),
        ("integer", "inf"),
        ("integer", "nan"),
        ("integer", str(2**63)),
        ("integer", "9007199254740993.0"),
        ("number", "1,5"),
        ("number", "nan"),
        ("number", "-inf"),
    ],
)
def test_an_attribute_of_another_type_is_refused(kind: str, value: str) -> None:
    with pytest.raises(CatalogError) as caught:
        attribute(kind, "1", value)
    assert str(caught.value).startswith(f"items.parquet: row 2: attribute 'size': expected {kind}")
    assert str(caught.value).endswith(f", found {value!r}")


def test_an_attribute_that_is_no_integer_is_refused_with_its_line(
    films: Films, refused: Refused
) -> None:
    path = films(
        ("pattern = '\\((\\d{4})\\)\\s*$'", "pattern = '\\((.*)\\)'"),
        movies='movieId,title,genres\n1,"A\nB (1999)",x\n2,C (about 1980),x\n',
    )
    assert refused(path) == (
        f"{path.parent / 'movies.csv'}: line 4: attribute 'year': expected integer,"
        " found 'about 1980'"
    )
