"""A filter: an immutable value, and the rows of a bundle that it lets pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shortlist.bundle.arrays import numbers_of
from shortlist.bundle.reader import Bundle
from shortlist.bundle.tables import ItemId
from shortlist.errors import FeatureUnavailable, InvalidParameter

RowArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; None is no bound."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Filter:
    """Conditions that an item must meet, all of them.

    Categories: at least one of `any_of`, every one of `all_of`, none of `none_of`. `ranges` by
    attribute: an item without a value does not pass. `include` None lets every id pass.
    """

    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)
    min_rating_count: int | None = None
    min_mean_rating: float | None = None
    include: tuple[ItemId, ...] | None = None
    exclude: tuple[ItemId, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return self != Filter()


def select(bundle: Bundle, wanted: Filter, blocked: RowArray) -> RowArray:
    """The rows that pass and are not blocked, int64, rising.

    Raises InvalidParameter for an attribute that is unknown or not numeric or a range that is
    empty, FeatureUnavailable for a condition on ratings of a catalogue without.
    """
    mask = np.ones(bundle.n_items, dtype=np.bool_)
    mask[blocked] = False
    _by_category(bundle, wanted, mask)
    for name, limits in wanted.ranges.items():
        mask &= _in_range(bundle, name, limits)
    _by_rating(bundle, wanted, mask)
    if wanted.include is not None:
        included = np.zeros_like(mask)
        included[_rows_of(bundle, wanted.include)] = True
        mask &= included
    mask[_rows_of(bundle, wanted.exclude)] = False
    return np.flatnonzero(mask)


def _by_category(bundle: Bundle, wanted: Filter, mask: Mask) -> None:
    if wanted.any_of:
        mask &= _carried(bundle, wanted.any_of) > 0
    if wanted.all_of:
        mask &= _carried(bundle, wanted.all_of) == len(set(wanted.all_of))
    if wanted.none_of:
        mask &= _carried(bundle, wanted.none_of) == 0


def _carried(bundle: Bundle, names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """How many of these categories each item has; an unknown one is carried by nobody."""
    column = bundle.items.categories
    known = {name: code for code, name in enumerate(column.names)}
    codes = [known[name] for name in set(names) if name in known]
    first = column.offsets[0]
    here = np.isin(column.codes[first : column.offsets[-1]], codes)
    sums = np.concatenate([[0], np.cumsum(here)])
    carried: npt.NDArray[np.int64] = np.diff(sums[column.offsets - first])
    return carried


def _in_range(bundle: Bundle, name: str, limits: Range) -> Mask:
    values = attribute_numbers(bundle, name)
    if limits.low is not None and limits.high is not None and limits.low > limits.high:
        raise InvalidParameter(
            f"ranges.{name}", f"expected low <= high, found {limits.low:g} to {limits.high:g}"
        )
    low = -np.inf if limits.low is None else limits.low
    high = np.inf if limits.high is None else limits.high
    return (values >= low) & (values <= high)


def attribute_numbers(bundle: Bundle, name: str) -> npt.NDArray[np.float64]:
    """A numeric attribute in row order, float64 [n], NaN where there is none.

    Raises InvalidParameter for one that is unknown or text.
    """
    numeric = numeric_attributes(bundle)
    if name not in numeric:
        listed = ", ".join(numeric) or "none"
        raise InvalidParameter(
            f"ranges.{name}", f"expected a numeric attribute of this catalogue ({listed})"
        )
    return numbers_of(bundle.items.attributes[name])


def numeric_attributes(bundle: Bundle) -> list[str]:
    """The names of the attributes that are numbers."""
    return [
        name
        for name, column in bundle.items.attributes.items()
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    ]


def _by_rating(bundle: Bundle, wanted: Filter, mask: Mask) -> None:
    if wanted.min_rating_count is None and wanted.min_mean_rating is None:
        return
    popularity = bundle.items.popularity
    if popularity is None:
        raise FeatureUnavailable("this catalogue has no ratings to filter by")
    if wanted.min_rating_count is not None:
        mask &= popularity.rating_count >= wanted.min_rating_count
    if wanted.min_mean_rating is not None:
        mask &= popularity.mean_rating >= wanted.min_mean_rating


def _rows_of(bundle: Bundle, ids: tuple[ItemId, ...]) -> RowArray:
    rows = [bundle.row_of(item_id) for item_id in ids]
    return np.array([row for row in rows if row is not None], dtype=np.int64)
