"""The columns of a collection that filters ask: which there are, and where they are not up to date.

A collection keeps the columns that its items had when it was built. A version's own are compared
with them: what has changed since is looked at here, so that a change of a price builds no index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import Csr, RowArray, known_of
from shortlist.bundle.attributes import (
    ORDERED,
    Kind,
    Mask,
    codes_of,
    kind_of,
    named_of,
    ordered_of,
    points_of,
)
from shortlist.bundle.places import EntryRows
from shortlist.bundle.tables import ItemTable
from shortlist.engine.value_sets import CATEGORIES

MOST_FIELDS = 64
"""Of a collection, its key, vectors and lots among them: what a server takes by default."""

MOST_LISTED = 4096
"""Values of one list that a collection can hold."""

_TAKEN = 3
_WIDTH = {Kind.STRING: 1, Kind.STRINGS: 1, Kind.BOOLEAN: 1, Kind.POINT: 3}
_OF_TWO = 2


@dataclass(frozen=True)
class FilterField:
    """A column that filters ask: an attribute, or the categories, as kinds of attributes go.

    `field` is what it is called in the collection, whatever the attribute is called; `known` is the
    field that says whether an item has a value, of numbers, times and points.
    """

    name: str
    kind: Kind
    field: str

    @property
    def known(self) -> str:
        """The name of the field that says whether there is a value."""
        return f"{self.field}_known"


def fields_of(items: ItemTable) -> dict[str, FilterField]:
    """What a collection of these items holds of them, by name; as many as there is room for."""
    kinds = {CATEGORIES: Kind.STRINGS}
    kinds |= {name: kind_of(column) for name, column in items.attributes.items()}
    found, n_fields = {}, _TAKEN
    for number, (name, kind) in enumerate(kinds.items()):
        n_fields += _WIDTH.get(kind, _OF_TWO)
        if n_fields > MOST_FIELDS:
            break
        if kind is not Kind.STRINGS or _longest(listed_of(items, name)[0]) <= MOST_LISTED:
            found[name] = FilterField(name, kind, f"f{number}")
    return found


def listed_of(items: ItemTable, name: str) -> tuple[Csr, pa.Array]:
    """The lists of codes of the categories or of an attribute, and the texts of the codes."""
    if name == CATEGORIES:
        return items.categories.lists, pa.array(items.categories.names, pa.large_string())
    return named_of(items.attributes[name])


def _longest(lists: Csr) -> int:
    return int(np.diff(lists.offsets).max(initial=0))


def changed_entries(
    field: FilterField,
    before: tuple[ItemTable, EntryRows],
    after: tuple[ItemTable, EntryRows],
) -> RowArray | None:
    """The entries (int64, rising) whose items have another value than the collection holds.

    Both sides are item columns and the row of every entry in them, -1 for one that is gone. None
    where the column is no more, or of another type.
    """
    if field.name != CATEGORIES:
        column = after[0].attributes.get(field.name)
        if column is None or kind_of(column) is not field.kind:
            return None
    live = np.flatnonzero((before[1] >= 0) & (after[1] >= 0))
    tables = [(items, rows[live].astype(np.int64)) for items, rows in (before, after)]
    if field.kind is Kind.STRINGS:
        return live[_lists_changed(field.name, *tables)]
    return live[_values_changed(field, *tables)]


Table = tuple[ItemTable, RowArray]


def _values_changed(field: FilterField, before: Table, after: Table) -> Mask:
    old, new = (items.attributes[field.name] for items, _ in (before, after))
    if field.kind in {Kind.STRING, Kind.BOOLEAN}:
        (codes, names), (others, other_names) = codes_of(old), codes_of(new)
        found: Mask = codes[before[1]] != _as_known(other_names, names)[others[after[1]]]
        return found
    changed: Mask = known_of(old, before[1]) != known_of(new, after[1])
    both = known_of(old, before[1]) & known_of(new, after[1])
    for one, other in zip(_numbers(old), _numbers(new), strict=True):
        changed |= both & (one[before[1]] != other[after[1]])
    return changed


def _numbers(column: pa.Array) -> tuple[npt.NDArray[Any], ...]:
    return (ordered_of(column)[0],) if kind_of(column) in ORDERED else points_of(column)


def _lists_changed(name: str, before: Table, after: Table) -> RowArray:
    """The places of the entries whose lists do not hold the same texts, whatever their order."""
    (lists, names), (others, other_names) = (listed_of(one[0], name) for one in (before, after))
    old = _pairs(lists, before[1], np.arange(len(names)))
    new = _pairs(others, after[1], _as_known(other_names, names)[:-1])
    return np.unique(np.setxor1d(old, new) // _APART)


_APART = 1 << 32


def _pairs(lists: Csr, rows: RowArray, codes: RowArray) -> RowArray:
    """Each entry with each of its codes as one number, int64."""
    counts = np.diff(lists.offsets)[rows]
    owners = np.repeat(np.arange(len(rows)), counts)
    return owners * _APART + codes[lists.indices[lists.places(rows)]] % _APART


def _as_known(names: pa.Array, known: pa.Array) -> RowArray:
    """The code of each of these names among the known ones, and -1 behind them all, for none.

    A name that is not known has a code of its own below -1.
    """
    codes = pa.compute.index_in(names.cast(known.type), value_set=known)
    found = codes.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    strangers = np.flatnonzero(found < 0)
    found[strangers] = -2 - strangers
    return np.append(found, -1)
