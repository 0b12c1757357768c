"""What a version keeps of its sources: every item as it was read, and what changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog import Catalog
from indexing.catalog.arrow_values import TEXTS
from indexing.catalog.columns import id_column
from indexing.catalog.events import tags_by_row
from indexing.tag_counts import TagCounts, read_tag_counts
from shortlist.bundle import arrays, layout
from shortlist.bundle.arrays import column_of, read_arrow
from shortlist.bundle.changes import Change, Op
from shortlist.bundle.reader import Bundle
from shortlist.bundle.tables import ItemId
from shortlist.errors import BundleCorrupt

ITEMS, CHANGED = f"{layout.SOURCE}/items.arrow", f"{layout.SOURCE}/changed.arrow"

_ID, _TAGS, _COLUMN = "item_id", "tags", "column."
_IS_WHOLE, _VALUES = "is_whole", "values"

Values = Mapping[str, Any]
"""An item's values by column, as JSON has them; those of a list are texts."""


def write_source(folder: Path, catalog: Catalog) -> None:
    """Write every item as it was read, in row order, with its tags."""
    (folder / layout.SOURCE).mkdir()
    table = catalog.items.table
    columns = {f"{_COLUMN}{name}": _array(table[name]) for name in table.columns}
    if catalog.tags is not None:
        columns[_TAGS] = tags_by_row(catalog.tags.table, catalog.n_items)
    arrays.write_arrow(folder / ITEMS, pa.table({_ID: id_column(catalog), **columns}))


def _array(column: pd.Series) -> pa.Array:
    found = pa.array(column, from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


@dataclass(frozen=True)
class Overlay:
    """What has changed of one item: all of it, or some columns of what was read."""

    is_whole: bool
    values: Values

    def changed_by(self, change: Change) -> Overlay:
        """What has changed of it with one more change, which deletes nothing."""
        if change.op is Op.UPSERT:
            return Overlay(is_whole=True, values=change.values)
        return Overlay(self.is_whole, {**self.values, **change.values})


UNCHANGED = Overlay(is_whole=False, values={})


class Source:
    """The items of a version as they were read, and what has changed of them since."""

    def __init__(self, bundle: Bundle, *, before: Source | None = None) -> None:
        """`before` is the open source of another version: what both have is not read again."""
        self._folder, path = bundle.folder, bundle.folder / ITEMS
        if ITEMS not in bundle.manifest.files:
            raise BundleCorrupt(
                f"{bundle.version}: was built without what changes need; build it again"
            )
        self._file = bundle.manifest.files[ITEMS]
        if before is not None and before._file == self._file:
            self._columns: Mapping[str, pa.Array] = before._columns
        else:
            self._columns = read_arrow(path)
        self._ids: pa.Array = column_of(path, self._columns, _ID, pa.int64(), *arrays.TEXT)
        self._changed = _read_changed(bundle)

    def overlays(self, item_ids: Sequence[ItemId]) -> dict[ItemId, Overlay]:
        """What has changed of these items since they were read."""
        rows = _places(self._changed[_ID], self._array_of(item_ids))
        some = self._changed.take(pa.array(rows)).to_pylist()
        return {one[_ID]: Overlay(one[_IS_WHOLE], json.loads(one[_VALUES])) for one in some}

    def as_known(self, item_ids: Sequence[ItemId]) -> dict[ItemId, Overlay]:
        """Each of these items, in their order, as it is in this version."""
        changed = self.overlays(item_ids)
        return {one: changed.get(one, UNCHANGED) for one in item_ids}

    def values_of(self, overlays: Mapping[ItemId, Overlay]) -> list[Values]:
        """Each of these items as it is now, in their order: its columns and `tags`."""
        partial = [one for one, overlay in overlays.items() if not overlay.is_whole]
        rows = self._rows_of(partial)
        read = {
            name: column.take(rows).to_pylist()
            for name, column in self._columns.items()
            if name != _ID
        }
        before = {
            item_id: {name.removeprefix(_COLUMN): values[place] for name, values in read.items()}
            for place, item_id in enumerate(partial)
        }
        return [{**before.get(one, {}), **own.values} for one, own in overlays.items()]

    def tags_of(self, overlays: Mapping[ItemId, Overlay]) -> list[list[str]]:
        """The tags of each of these items as it is now, in their order."""
        return [[str(tag) for tag in one.get(_TAGS) or []] for one in self.values_of(overlays)]

    def tag_counts(self) -> TagCounts | None:
        """The counts of all tags; None for a catalogue without."""
        return read_tag_counts(self._folder) if _TAGS in self._columns else None

    def write_changed(
        self, folder: Path, overlays: Mapping[ItemId, Overlay], gone: Sequence[ItemId]
    ) -> None:
        """Write what has changed since the items were read: as known, and as these now are.

        Nothing is written where nothing has.
        """
        known = self._changed
        replaced = self._array_of([*overlays, *gone])
        kept = known.filter(pa.compute.invert(pa.compute.is_in(known[_ID], value_set=replaced)))
        more = pa.table({
            _ID: self._array_of(list(overlays)),
            _IS_WHOLE: pa.array([one.is_whole for one in overlays.values()], pa.bool_()),
            _VALUES: pa.array(
                [json.dumps(one.values, ensure_ascii=False) for one in overlays.values()],
                pa.large_string(),
            ),
        })  # fmt: skip
        found = pa.concat_tables([kept, more])
        if len(found):
            (folder / layout.SOURCE).mkdir(exist_ok=True)
            arrays.write_arrow(folder / CHANGED, found)

    def _rows_of(self, item_ids: Sequence[ItemId]) -> pa.Array:
        """The rows at which these items were read, by one pass over all ids."""
        places = _places(self._ids, self._array_of(item_ids))
        row_of = dict(zip(self._ids.take(pa.array(places)).to_pylist(), places, strict=True))
        if len(row_of) < len(item_ids):
            raise BundleCorrupt(f"{ITEMS}: an item of the catalogue is not there")
        return pa.array([row_of[one] for one in item_ids], pa.int64())

    def _array_of(self, item_ids: Sequence[ItemId]) -> pa.Array:
        return pa.array(item_ids, self._ids.type)


def _read_changed(bundle: Bundle) -> pa.Table:
    if CHANGED in bundle.manifest.files:
        return pa.table(read_arrow(bundle.folder / CHANGED))
    columns = {_ID: bundle.ids.ids.type, _IS_WHOLE: pa.bool_(), _VALUES: pa.large_string()}
    return pa.table({name: pa.array([], kind) for name, kind in columns.items()})


def _places(ids: pa.ChunkedArray | pa.Array, wanted: pa.Array) -> np.ndarray:
    found = pa.compute.is_in(ids, value_set=wanted)
    return np.flatnonzero(np.asarray(found))


def table_of(
    items: Sequence[Values], names: Sequence[str], separators: Mapping[str, str], *, decimal: str
) -> pa.Table:
    """These items' columns as a table of a catalogue: texts, and lists where all are lists.

    Elsewhere a list is a text, its values joined by the column's separator (", " for none), unless
    a value has that in it: then texts are parted instead. Numbers are written as texts, with the
    sign of the catalogue before their fraction.
    """
    columns = {}
    for name in names:
        values = [item.get(name) for item in items]
        given = [value for value in values if value is not None]
        between = separators.get(name, ", ")
        if _are_lists(given, between):
            lists = [
                None if one is None else _texts(_parted(one, between), decimal) for one in values
            ]
            columns[name] = pa.array(lists, TEXTS)
        else:
            texts = [_text(one, between, decimal) for one in values]
            columns[name] = pa.array(texts, pa.large_string())
    return pa.table(columns)


def _are_lists(given: Sequence[Any], between: str) -> bool:
    """Whether all of these are lists, or some have a value that would be parted in a text."""
    lists = [value for value in given if isinstance(value, list)]
    if not lists or len(lists) == len(given):
        return bool(lists)
    return any(between in str(one) for value in lists for one in value)


def _parted(value: Any, between: str) -> Sequence[Any]:
    return value if isinstance(value, list) else str(value).split(between)


def _texts(values: Sequence[Any], decimal: str) -> list[str]:
    return [text for one in values if (text := _text(one, "", decimal)) is not None]


def _text(value: Any, between: str, decimal: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return between.join(_texts(value, decimal))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace(".", decimal) if isinstance(value, float) else str(value)
