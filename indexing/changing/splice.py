"""The item columns of a version with some rows exchanged, added or taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import Csr, RowArray
from shortlist.bundle.attributes import CODED, LISTED, codes_of, named_of
from shortlist.bundle.tables import Categories, ItemTable, PopularityColumns


@dataclass(frozen=True)
class Chosen:
    """Which rows a version takes from the one before and from the items that have changed.

    `rows` int64 [n] are places among the `n_before` rows and, behind these, the changed items.
    """

    rows: RowArray
    n_before: int

    @cached_property
    def exchanged(self) -> RowArray | None:
        """The rows at which changed items stand where all others stand as before, int64 [m].

        None where some row has moved.
        """
        stay = self.rows < self.n_before
        places = np.arange(len(self.rows))
        if len(self.rows) != self.n_before or (self.rows != places)[stay].any():
            return None
        return np.flatnonzero(~stay)


def spliced_items(
    before: ItemTable, changed: ItemTable, chosen: Chosen, *, rated_as: RowArray
) -> ItemTable:
    """The columns of the rows `chosen` from both tables, one behind the other.

    Ratings are those of the rows `rated_as` (int64 [n]) of the first; -1 has none.
    """
    rated = before.popularity
    if rated is not None and chosen.exchanged is None:
        rated = _popularity(rated, rated_as)
    return ItemTable(
        titles=spliced(before.titles, changed.titles, chosen),
        categories=_categories(before.categories, changed.categories, chosen),
        attributes=_columns(before.attributes, changed.attributes, chosen),
        popularity=rated,
        display=_columns(before.display, changed.display, chosen),
    )


def _columns(
    before: Mapping[str, pa.Array], changed: Mapping[str, pa.Array], chosen: Chosen
) -> dict[str, pa.Array]:
    return {name: spliced(column, changed[name], chosen) for name, column in before.items()}


def spliced(before: pa.Array, changed: pa.Array, chosen: Chosen) -> pa.Array:
    """The values of the rows `chosen` from two columns of one type, one behind the other.

    The dictionary of coded texts rises, and has those alone that some row has. Where no value is
    another it is the column `before` itself.
    """
    if _is_same(before, changed, chosen):
        return before
    if before.type == CODED:
        return _coded((before, changed), chosen.rows)
    if before.type == LISTED:
        return _listed((before, changed), chosen.rows)
    joined = pa.concat_arrays([before, changed.cast(before.type)])
    return joined.take(pa.array(chosen.rows))


def _is_same(before: pa.Array, changed: pa.Array, chosen: Chosen) -> bool:
    """Whether every changed item has the value that its row had."""
    if chosen.exchanged is None:
        return False
    had = before.take(pa.array(chosen.exchanged))
    has = changed.take(pa.array(chosen.rows[chosen.exchanged] - chosen.n_before))
    return bool(had.to_pylist() == has.to_pylist())


def _coded(columns: Sequence[pa.Array], chosen: RowArray) -> pa.Array:
    parts = [codes_of(column) for column in columns]
    names, maps = _joined_names([own for _, own in parts])
    codes = np.concatenate(
        [_mapped(codes, own) for (codes, _), own in zip(parts, maps, strict=True)]
    )
    codes, names = _used(codes[chosen], names)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), names)


def _listed(columns: Sequence[pa.Array], chosen: RowArray) -> pa.Array:
    parts = [named_of(column) for column in columns]
    lists, names = _joined_lists([own for own, _ in parts], [own for _, own in parts], chosen)
    values = pa.DictionaryArray.from_arrays(pa.array(lists.indices), names)
    empty = np.diff(lists.offsets) == 0
    return pa.LargeListArray.from_arrays(pa.array(lists.offsets), values, mask=pa.array(empty))


def _categories(before: Categories, changed: Categories, chosen: Chosen) -> Categories:
    if chosen.exchanged is not None:
        own = chosen.rows[chosen.exchanged] - chosen.n_before
        pairs = zip(chosen.exchanged.tolist(), own.tolist(), strict=True)
        if all(before.of(row) == changed.of(place) for row, place in pairs):
            return before
    names = [pa.array(one.names, pa.large_string()) for one in (before, changed)]
    lists, found = _joined_lists([before.lists, changed.lists], names, chosen.rows)
    return Categories(lists, tuple(found.to_pylist()))


def _joined_lists(
    lists: Sequence[Csr], names: Sequence[pa.Array], chosen: RowArray
) -> tuple[Csr, pa.Array]:
    """The lists of the rows `chosen`, and the names of their codes, rising."""
    every, maps = _joined_names(names)
    codes = np.concatenate(
        [_mapped(one.indices, own) for one, own in zip(lists, maps, strict=True)]
    )
    begins = np.concatenate([[0], np.cumsum([len(one.indices) for one in lists])])
    offsets = [one.offsets[:-1] + begin for one, begin in zip(lists, begins, strict=False)]
    whole = Csr(np.concatenate([*offsets, begins[-1:]]), codes)
    counts = np.concatenate([np.diff(one.offsets) for one in lists])
    found, every = _used(codes[whole.places(chosen)], every)
    ends = np.concatenate([[0], np.cumsum(counts[chosen])]).astype(np.int64)
    return Csr(ends, found), every


def _joined_names(
    names: Sequence[pa.Array],
) -> tuple[pa.Array, list[npt.NDArray[np.int32]]]:
    """All names, rising, each once; and where each of the given ones stands among them."""
    texts = [one.cast(pa.large_string()) for one in names]
    every = pa.compute.unique(pa.concat_arrays(texts))
    every = every.take(pa.compute.array_sort_indices(every))
    return every, [np.asarray(pa.compute.index_in(one, value_set=every)) for one in texts]


def _mapped(codes: npt.NDArray[np.int32], places: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Codes as others, -1 where there is none."""
    behind = np.append(places, np.int32(-1)).astype(np.int32)
    found: npt.NDArray[np.int32] = behind[codes]
    return found


def _used(codes: npt.NDArray[np.int32], names: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """The same codes and names without the names that no code stands for."""
    is_used = np.zeros(len(names) + 1, np.bool_)
    is_used[codes] = True
    kept = np.flatnonzero(is_used[:-1])
    places = np.full(len(names), -1, np.int32)
    places[kept] = np.arange(len(kept), dtype=np.int32)
    return _mapped(codes, places), names.take(pa.array(kept))


def _popularity(before: PopularityColumns, rows: RowArray) -> PopularityColumns:
    nothing = {"rating_count": 0, "mean_rating": np.nan, "popularity_score": 0.0}
    columns = {
        name: np.append(values, np.array([nothing[name]], values.dtype))[rows]
        for name, values in vars(before).items()
    }
    return PopularityColumns(**columns)
