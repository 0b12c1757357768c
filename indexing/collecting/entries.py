"""What a collection holds of its entries: fields of numbers, as a server takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from shortlist.bundle.arrays import Vectors, known_of
from shortlist.bundle.attributes import Kind, codes_of, ordered_of, points_of
from shortlist.bundle.places import EntryRows
from shortlist.bundle.tables import ItemTable
from shortlist.engine.remote.expressions import KEY, LOT, N_LOTS
from shortlist.engine.remote.fields import FilterField, listed_of
from shortlist.engine.remote.server import VECTOR

_SEED = 20261129

Declared = Iterator[tuple[str, str, dict[str, Any]]]
_TYPES = {
    **{Kind.STRING: "INT32", Kind.BOOLEAN: "INT32", Kind.INTEGER: "INT64"},
    **{Kind.TIME: "INT64", Kind.NUMBER: "DOUBLE"},
}


def declared(field: FilterField, items: ItemTable) -> Declared:
    """The fields of a column: their names, types and what else a schema says of them."""
    if field.kind is Kind.STRINGS:
        most = max(1, int(np.diff(listed_of(items, field.name)[0].offsets).max(initial=0)))
        yield field.field, "ARRAY", {"element_type": _array_type(), "max_capacity": most}
        return
    if field.kind is Kind.POINT:
        yield from ((f"{field.field}_{axis}", "DOUBLE", {}) for axis in ("lat", "lon"))
    else:
        yield field.field, _TYPES[field.kind], {}
    if field.kind not in {Kind.STRING, Kind.BOOLEAN}:
        yield field.known, "BOOL", {}


def _array_type() -> Any:
    from pymilvus import DataType

    return DataType.INT32


Columns = list[tuple[str, Callable[[slice], list[Any]]]]


def columns_of(field: FilterField, items: ItemTable, entry_rows: EntryRows) -> Columns:
    """The fields of a column, each with what gives its values for a part of the entries."""
    rows = entry_rows.astype(np.int64)
    if field.kind is Kind.STRINGS:
        lists = listed_of(items, field.name)[0]
        return [(field.field, lambda part: [lists.indices[lists.offsets[row] : lists.offsets[
            row + 1]].tolist() for row in rows[part]])]  # fmt: skip
    column = items.attributes[field.name]
    if field.kind in {Kind.STRING, Kind.BOOLEAN}:
        return [_picked(field.field, codes_of(column, rows)[0])]
    known = known_of(column, rows)
    numbers = points_of(column) if field.kind is Kind.POINT else ordered_of(column)[:1]
    names = [field.field]
    if field.kind is Kind.POINT:
        names = [f"{field.field}_lat", f"{field.field}_lon"]
    own = [np.where(known, one[rows], one.dtype.type(0)) for one in numbers]
    return [*map(_picked, names, own), _picked(field.known, known)]


def _picked(name: str, values: np.ndarray) -> tuple[str, Callable[[slice], list[Any]]]:
    return name, lambda part: values[part].tolist()


def lots_of(n_entries: int) -> Columns:
    """The field of lots: the same for collections of one size."""
    return [_picked(LOT, np.random.default_rng(_SEED).integers(N_LOTS, size=n_entries))]


def batch_of(
    vectors: Vectors, columns: list[Columns], begin: int, end: int
) -> list[dict[str, Any]]:
    """These entries as the server takes them."""
    part = slice(begin, end)
    every = [(name, values(part)) for one in columns for name, values in one]
    names = [KEY, VECTOR, *(name for name, _ in every)]
    rows = zip(range(begin, end), vectors[part], *(values for _, values in every), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]
