"""A catalogue's columns, as the bundle wants them."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog import Catalog
from indexing.popularity import Popularity
from shortlist.bundle.tables import ItemTable


def item_table(catalog: Catalog, popularity: Popularity | None) -> ItemTable:
    """The item columns of the bundle."""
    return ItemTable(
        titles=_array(catalog.items.titles, pa.large_string()),
        categories=catalog.items.categories,
        attributes={name: _attribute(column) for name, column in catalog.items.attributes.items()},
        popularity=None if popularity is None else popularity.columns,
    )


def _attribute(column: pd.Series) -> pa.Array:
    """Texts as codes of a dictionary that rises, so that codes compare as texts do."""
    types = {"Int64": pa.int64(), "Float64": pa.float64(), "boolean": pa.bool_()}
    wanted = types.get(str(column.dtype))
    if wanted is not None:
        return _array(column, wanted)
    coded = _array(column, pa.large_string()).dictionary_encode()
    order = pa.compute.array_sort_indices(coded.dictionary)
    places = pa.compute.array_sort_indices(order).cast(pa.int32())
    return pa.DictionaryArray.from_arrays(places.take(coded.indices), coded.dictionary.take(order))


def id_column(catalog: Catalog) -> pa.Array:
    """The item ids in row order, int64 or text."""
    integer = pd.api.types.is_integer_dtype(catalog.items.ids)
    return _array(catalog.items.ids, pa.int64() if integer else pa.large_string())


def _array(column: pd.Series, wanted: pa.DataType) -> pa.Array:
    """One array: a column read from more than a megabyte of CSV comes in chunks."""
    found = pa.array(column, wanted, from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
