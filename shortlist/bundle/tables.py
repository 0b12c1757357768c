"""The Arrow tables of a bundle: item columns and the id map, written once, memory-mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shortlist.bundle.arrays import TEXT, column_of, numpy_of, read_arrow, write_arrow
from shortlist.bundle.layout import ATTRIBUTE_PREFIX

ItemId = int | str

_CATEGORIES = pa.large_list(pa.dictionary(pa.int32(), pa.string()))


@dataclass(frozen=True)
class PopularityColumns:
    """What the ratings say of each item, in row order.

    rating_count int32, mean_rating float64 (NaN for a cold item), popularity_score float64 in
    [0, 1].
    """

    rating_count: npt.NDArray[np.int32]
    mean_rating: npt.NDArray[np.float64]
    popularity_score: npt.NDArray[np.float64]


@dataclass(frozen=True)
class CategoryColumn:
    """Categories as compressed sparse rows.

    Row r has codes[offsets[r]:offsets[r + 1]] (offsets int64, codes int32), indices into
    `names`.
    """

    offsets: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int32]
    names: tuple[str, ...]

    def of(self, row: int) -> list[str]:
        """The category names of one item."""
        codes = self.codes[self.offsets[row] : self.offsets[row + 1]]
        return [self.names[code] for code in codes.tolist()]


@dataclass(frozen=True)
class ItemTable:
    """What a result shows and a filter tests, column by column in row order.

    `titles` is an Arrow string array; `attributes` are Arrow arrays of int64, float64 or text
    with nulls; `popularity` is None for a catalogue without ratings.
    """

    titles: pa.Array
    categories: CategoryColumn
    attributes: Mapping[str, pa.Array]
    popularity: PopularityColumns | None

    def __len__(self) -> int:
        return len(self.titles)


@dataclass(frozen=True)
class IdMap:
    """Row to item id and back.

    `ids` is an Arrow array (int64 or text) in row order, `rows_by_id` int64 the rows in rising
    order of their ids.
    """

    ids: pa.Array
    rows_by_id: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def id_of(self, row: int) -> ItemId:
        """The external id of a row, integer or text as the catalogue has it."""
        item_id: ItemId = self.ids[row].as_py()
        return item_id

    def row_of(self, item_id: ItemId) -> int | None:
        """The row of an item, None when no item has this id (or an id of this type)."""
        integer = pa.types.is_integer(self.ids.type)
        if isinstance(item_id, int) is not integer or isinstance(item_id, bool):
            return None
        place = self._first_not_below(item_id)
        if place == len(self.ids):
            return None
        row = int(self.rows_by_id[place])
        return row if self.id_of(row) == item_id else None

    def _first_not_below(self, item_id: ItemId) -> int:
        low, high = 0, len(self.ids)
        wanted = _order(item_id)
        while low < high:
            middle = (low + high) // 2
            if _order(self.id_of(int(self.rows_by_id[middle]))) < wanted:
                low = middle + 1
            else:
                high = middle
        return low


def _order(item_id: ItemId) -> tuple[int, bytes]:
    """Integers by value, text by its UTF-8 bytes, as Arrow sorts them."""
    if isinstance(item_id, int):
        return item_id, b""
    return 0, item_id.encode(errors="surrogatepass")


def write_id_map(path: Path, ids: pa.Array) -> None:
    """Write id_map.arrow for ids (int64 or text) in row order."""
    order = pa.compute.array_sort_indices(ids).cast(pa.int64())
    write_arrow(path, pa.table({"item_id": ids, "rows_by_id": order}))


def read_id_map(path: Path) -> IdMap:
    """Map id_map.arrow into memory. Raises BundleCorrupt for anything else."""
    columns = read_arrow(path)
    ids = column_of(path, columns, "item_id", pa.int64(), *TEXT)
    return IdMap(ids, numpy_of(path, columns, "rows_by_id", pa.int64()))


def write_items(path: Path, items: ItemTable) -> None:
    """Write items.arrow."""
    names = pa.array(items.categories.names, pa.string())
    coded = pa.DictionaryArray.from_arrays(pa.array(items.categories.codes), names)
    columns: dict[str, pa.Array] = {
        "title": items.titles,
        "categories": pa.LargeListArray.from_arrays(pa.array(items.categories.offsets), coded),
    }
    for name, values in items.attributes.items():
        columns[ATTRIBUTE_PREFIX + name] = values
    if items.popularity is not None:
        columns["rating_count"] = pa.array(items.popularity.rating_count)
        columns["mean_rating"] = pa.array(items.popularity.mean_rating)
        columns["popularity_score"] = pa.array(items.popularity.popularity_score)
    write_arrow(path, pa.table(columns))


def read_items(path: Path) -> ItemTable:
    """Map items.arrow into memory. Raises BundleCorrupt for anything else."""
    columns = read_arrow(path)
    categories = column_of(path, columns, "categories", _CATEGORIES)
    parts = {"offsets": categories.offsets, "codes": categories.values.indices}
    attributes = {
        name.removeprefix(ATTRIBUTE_PREFIX): values
        for name, values in columns.items()
        if name.startswith(ATTRIBUTE_PREFIX)
    }
    return ItemTable(
        titles=column_of(path, columns, "title", *TEXT),
        categories=CategoryColumn(
            offsets=numpy_of(path, parts, "offsets", pa.int64()),
            codes=numpy_of(path, parts, "codes", pa.int32()),
            names=tuple(categories.values.dictionary.to_pylist()),
        ),
        attributes=attributes,
        popularity=_read_popularity(path, columns),
    )


def _read_popularity(path: Path, columns: Mapping[str, pa.Array]) -> PopularityColumns | None:
    if "popularity_score" not in columns:
        return None
    return PopularityColumns(
        rating_count=numpy_of(path, columns, "rating_count", pa.int32()),
        mean_rating=numpy_of(path, columns, "mean_rating", pa.float64()),
        popularity_score=numpy_of(path, columns, "popularity_score", pa.float64()),
    )
