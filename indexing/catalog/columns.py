"""A catalogue's columns, as the bundle wants them."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from indexing.catalog import Catalog
from indexing.popularity import Popularity
from shortlist.bundle.tables import ItemTable


def item_table(catalog: Catalog, popularity: Popularity | None) -> ItemTable:
    """The item columns of the bundle."""
    return ItemTable(
        titles=text_array(catalog.items.titles),
        categories=catalog.items.categories,
        attributes=catalog.items.attributes,
        popularity=None if popularity is None else popularity.columns,
        display=catalog.items.display,
    )


def id_column(catalog: Catalog) -> pa.Array:
    """The item ids in row order, int64 or text."""
    integer = pd.api.types.is_integer_dtype(catalog.items.ids)
    return _array(catalog.items.ids, pa.int64() if integer else pa.large_string())


def text_array(column: pd.Series) -> pa.Array:
    """A column of texts as one array."""
    return _array(column, pa.large_string())


def _array(column: pd.Series, wanted: pa.DataType) -> pa.Array:
    """One array: a column read from more than a megabyte of CSV comes in chunks."""
    found = pa.array(column, wanted, from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
