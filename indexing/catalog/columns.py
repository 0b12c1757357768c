"""A catalogue's columns, as the bundle wants them."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from indexing.catalog import Catalog
from indexing.catalog.tables import array_of, text_array
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
    return array_of(catalog.items.ids, pa.int64() if integer else pa.large_string())
