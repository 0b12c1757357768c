"""A catalogue's columns as the bundle wants them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from indexing.catalog import read_catalog
from indexing.catalog.columns import id_column, item_table
from indexing.catalog.toml import read_catalog_config

N_ROWS = 1500
CATALOG = """name = "long"
limits = { line_bytes = 1_000_000 }
[items]
file = "movies.csv"
id = "movieId"
title = "title"
attributes = { studio = { column = "studio" } }
"""


def test_columns_of_more_than_one_block_become_one_array_each(
    write_catalog: Callable[..., Path],
) -> None:
    """A CSV is read in blocks as long as a line may be."""
    rows = [f"item-{n:04},Film {n} {'x' * 1000},studio {n}" for n in range(N_ROWS)]
    movies = "\n".join(["movieId,title,studio", *rows, ""])
    catalog = read_catalog(read_catalog_config(write_catalog(catalog=CATALOG, movies=movies)))
    assert len(movies) > catalog.config.limits.line_bytes, "else this test shows nothing"
    ids, table = id_column(catalog), item_table(catalog, None)
    expected = pa.array([f"item-{n:04}" for n in range(N_ROWS)], pa.large_string())
    assert expected.equals(ids)
    assert ids[-1].as_py() == "item-1499"
    assert isinstance(table.titles, pa.LargeStringArray)
    assert isinstance(table.attributes["studio"], pa.DictionaryArray)
    assert table.attributes["studio"][N_ROWS - 1].as_py() == "studio 1499"
