"""The Arrow tables of a bundle: item columns and the id map, written once, memory-mapped."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle import arrays, attributes, display
from shortlist.bundle.arrays import Csr, FloatArray, RowArray, column_of, numpy_of
from shortlist.bundle.layout import ATTRIBUTE_PREFIX
from shortlist.bundle.rules import check_range
from shortlist.errors import BundleCorrupt

ItemId = int | str

CANONICAL_INTEGER = r"0|-?[1-9][0-9]{0,18}"
"""What `str` makes of an integer id: the only text that stands for one, everywhere."""

_LOOK_UP_TOGETHER = 1000
"""From so many ids on one pass over all of them costs less than a search for each."""

_RATED = {"rating_count": pa.int32(), "mean_rating": pa.float64(), "popularity_score": pa.float64()}
_CATEGORIES = pa.large_list(pa.dictionary(pa.int32(), pa.string()))


@dataclass(frozen=True)
class PopularityColumns:
    """What the ratings say of each item, in row order.

    rating_count int32, mean_rating float64 (NaN for a cold item), popularity_score float64 in
    [0, 1].
    """

    rating_count: npt.NDArray[np.int32]
    mean_rating: FloatArray
    popularity_score: FloatArray


@dataclass(frozen=True)
class Categories:
    """The categories of each item: lists of codes, which index `names`."""

    lists: Csr
    names: tuple[str, ...]

    def of(self, row: int) -> list[str]:
        """The category names of one item."""
        begin, end = self.lists.offsets[row : row + 2].tolist()
        return [self.names[code] for code in self.lists.indices[begin:end].tolist()]


@dataclass(frozen=True)
class ItemTable:
    """What a result shows and a filter tests, column by column in row order.

    `titles` is an Arrow string array; `attributes` are Arrow arrays with nulls, of one of the types
    of `shortlist.bundle.attributes`; `popularity` is None for a catalogue without ratings;
    `display` are texts with nulls that results show.
    """

    titles: pa.Array
    categories: Categories
    attributes: Mapping[str, pa.Array]
    popularity: PopularityColumns | None
    display: Mapping[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.titles)


@dataclass(frozen=True)
class IdMap:
    """Row to item id and back.

    `ids` is an Arrow array (int64 or text) in row order, `rows_by_id` int64 the rows in rising
    order of their ids.
    """

    ids: pa.Array
    rows_by_id: RowArray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def are_integers(self) -> bool:
        """Whether ids are integers; they are texts otherwise."""
        return bool(pa.types.is_integer(self.ids.type))

    def id_of(self, row: int) -> ItemId:
        """The external id of a row, integer or text as the catalogue has it."""
        item_id: ItemId = self.ids[row].as_py()
        return item_id

    def row_of(self, item_id: ItemId) -> int | None:
        """The row of an item, None when no item has this id.

        Where ids are integers their canonical text will do, as a query string has no types; no
        other text does, and no number where ids are text.
        """
        typed = self._typed(item_id)
        if typed is None:
            return None
        wanted = _order(typed)
        place = bisect_left(self.rows_by_id, wanted, key=lambda row: _order(self.id_of(int(row))))
        if place == len(self.ids):
            return None
        row = int(self.rows_by_id[place])
        return row if self.id_of(row) == typed else None

    def _typed(self, item_id: ItemId) -> ItemId | None:
        """The id as the catalogue types it, None where it cannot be one of the catalogue's."""
        integer = self.are_integers
        if integer and isinstance(item_id, str) and re.fullmatch(CANONICAL_INTEGER, item_id):
            item_id = int(item_id)
        if isinstance(item_id, int) is not integer or isinstance(item_id, bool):
            return None
        return item_id

    def rows_of(self, item_ids: Iterable[ItemId]) -> RowArray:
        """The rows of those ids that some item has, int64, rising, each once."""
        wanted = list(item_ids)
        if len(wanted) > _LOOK_UP_TOGETHER:
            return self._rows_of_many(wanted)
        rows = {self.row_of(item_id) for item_id in wanted} - {None}
        return np.sort(np.fromiter(rows, np.int64, len(rows)))

    def _rows_of_many(self, item_ids: Sequence[ItemId]) -> RowArray:
        """As `row_of` of each, by one pass over all ids."""
        typed = [one for item_id in item_ids if (one := self._typed(item_id)) is not None]
        ids = self.ids
        if self.are_integers:
            wanted = pa.array((one for one in typed if -(2**63) <= int(one) < 2**63), pa.int64())
        else:
            ids = ids.cast(pa.large_binary())
            wanted = pa.array((_order(one)[1] for one in typed), pa.large_binary())
        found = pa.compute.indices_nonzero(pa.compute.is_in(ids, value_set=wanted))
        return np.array(found.to_pylist(), dtype=np.int64)


def _order(item_id: ItemId) -> tuple[int, bytes]:
    """Integers by value, text by its UTF-8 bytes, as Arrow sorts them."""
    if isinstance(item_id, int):
        return item_id, b""
    return 0, item_id.encode(errors="surrogatepass")


def describe_rows(ids: IdMap, items: ItemTable, rows: Sequence[int]) -> list[dict[str, Any]]:
    """What is shown of each of these items, by the names that answers use."""
    rated, columns = items.popularity, items.attributes.items()
    return [
        {
            "item_id": ids.id_of(row),
            "title": items.titles[row].as_py(),
            "categories": items.categories.of(row),
            "attributes": {name: attributes.shown(values, row) for name, values in columns},
            "display": display.display_of(items.display, row),
            "popularity_score": None if rated is None else float(rated.popularity_score[row]),
            "rating_count": None if rated is None else int(rated.rating_count[row]),
            "mean_rating": None
            if rated is None or math.isnan(rated.mean_rating[row])
            else float(rated.mean_rating[row]),
        }
        for row in rows
    ]


def write_id_map(path: Path, ids: pa.Array) -> None:
    """Write id_map.arrow for ids (int64 or text) in row order."""
    order = pa.compute.array_sort_indices(ids).cast(pa.int64())
    arrays.write_arrow(path, pa.table({"item_id": ids, "rows_by_id": order}))


def read_id_map(path: Path) -> IdMap:
    """Map id_map.arrow into memory. Raises BundleCorrupt for anything else."""
    columns = arrays.read_arrow(path)
    ids = column_of(path, columns, "item_id", pa.int64(), *arrays.TEXT)
    rows = numpy_of(path, columns, "rows_by_id", pa.int64())
    check_range(f"{path.name}: rows_by_id", rows, 0, len(ids) - 1)
    # Rising strictly, so no id stands twice and the rows are all there are.
    in_order = pa.compute.take(ids, columns["rows_by_id"])
    risen = pa.compute.less(in_order[:-1], in_order[1:])
    if not pa.compute.all(risen, min_count=0).as_py():
        raise BundleCorrupt(f"{path.name}: rows_by_id does not put the ids in order, each once")
    return IdMap(ids, rows)


def write_items(path: Path, items: ItemTable) -> None:
    """Write items.arrow."""
    names = pa.array(items.categories.names, pa.string())
    lists = items.categories.lists
    coded = pa.DictionaryArray.from_arrays(pa.array(lists.indices), names)
    columns: dict[str, pa.Array] = {
        "title": items.titles,
        "categories": pa.LargeListArray.from_arrays(pa.array(lists.offsets), coded),
    }
    columns |= {ATTRIBUTE_PREFIX + name: values for name, values in items.attributes.items()}
    columns |= {display.PREFIX + name: values for name, values in items.display.items()}
    if items.popularity is not None:
        columns |= {name: pa.array(values) for name, values in vars(items.popularity).items()}
    arrays.write_arrow(path, pa.table(columns))


def read_items(path: Path) -> ItemTable:
    """Map items.arrow into memory. Raises BundleCorrupt for anything else."""
    columns = arrays.read_arrow(path)
    categories = column_of(path, columns, "categories", _CATEGORIES)
    parts = {"offsets": categories.offsets, "indices": categories.values.indices}
    lists = Csr(
        offsets=numpy_of(path, parts, "offsets", pa.int64()),
        indices=numpy_of(path, parts, "indices", pa.int32()),
    )
    names = {"names": categories.values.dictionary}
    names = column_of(path, names, "names", pa.string()).to_pylist()
    lists.check(f"{path.name}: categories", n_rows=len(categories), n_indices=len(names))
    return ItemTable(
        titles=column_of(path, columns, "title", *arrays.TEXT),
        categories=Categories(lists, tuple(names)),
        attributes=_attributes(path, columns),
        popularity=_popularity(path, columns),
        display=display.read_display(path, columns),
    )


def _attributes(path: Path, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """The columns of attributes, by the attributes' names."""
    found = {}
    for name, values in columns.items():
        if not name.startswith(ATTRIBUTE_PREFIX):
            continue
        problem = attributes.problem_of(values)
        if problem is not None:
            raise BundleCorrupt(f"{path.name}: column {name!r}: {problem}")
        found[name.removeprefix(ATTRIBUTE_PREFIX)] = values
    return found


def _popularity(path: Path, columns: Mapping[str, pa.Array]) -> PopularityColumns | None:
    if "popularity_score" not in columns:
        return None
    found = PopularityColumns(
        **{name: numpy_of(path, columns, name, kind) for name, kind in _RATED.items()}
    )
    check_range(f"{path.name}: rating_count", found.rating_count, 0, np.iinfo(np.int32).max)
    check_range(f"{path.name}: popularity_score", found.popularity_score, 0, 1)
    if np.isinf(found.mean_rating).any():
        raise BundleCorrupt(f"{path.name}: mean_rating: expected finite numbers or NaN")
    return found
