"""Filters to the rows of a bundle that they let pass."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import TEXT, RowArray, codes_of, numbers_of, truths_of
from shortlist.bundle.reader import Bundle
from shortlist.engine.lanes.words import rows_with
from shortlist.engine.query import Filters, Phrases, Range, shown
from shortlist.errors import FeatureUnavailable, InvalidParameter

Mask = npt.NDArray[np.bool_]

_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")
_KINDS = (
    (pa.types.is_boolean, "true or false"),
    (pa.types.is_integer, "an integer"),
    (pa.types.is_floating, "a number"),
)

_LEAST, _LARGEST = -(2**63), 2**63 - 1
"""Of the integers that an attribute can hold."""


def select(bundle: Bundle, wanted: Filters, blocked: RowArray) -> RowArray:
    """The rows that pass and are not blocked, int64, rising.

    Raises InvalidParameter for an attribute that is unknown, or not numeric where a range is given,
    for a value that is none of its type, and a range that is empty; FeatureUnavailable for a
    condition on ratings of a catalogue without.
    """
    mask = np.ones(bundle.n_items, dtype=np.bool_)
    mask[blocked] = False
    categories = wanted.categories
    if categories.any:
        mask &= _carried(bundle, categories.any) > 0
    if categories.all:
        mask &= _carried(bundle, categories.all) == len(set(categories.all))
    if categories.none:
        mask &= _carried(bundle, categories.none) == 0
    _by_words(bundle, wanted.words, mask)
    for name, values in wanted.attributes.any.items():
        mask &= _has_any(bundle, name, values, side="any")
    for name, values in wanted.attributes.none.items():
        mask &= ~_has_any(bundle, name, values, side="none")
    for name, limits in wanted.ranges.items():
        mask &= _in_range(bundle, name, limits)
    _by_rating(bundle, wanted, mask)
    if wanted.include_ids is not None:
        included = np.zeros_like(mask)
        included[bundle.ids.rows_of(wanted.include_ids)] = True
        mask &= included
    mask[bundle.ids.rows_of(wanted.exclude_ids)] = False
    return np.flatnonzero(mask)


def _by_words(bundle: Bundle, wanted: Phrases, mask: Mask) -> None:
    if not wanted.all and not wanted.none:
        return
    words = bundle.sections.words
    if words is None:
        raise FeatureUnavailable("words: this bundle was built without them; build it again")
    for phrase in wanted.all:
        has = np.zeros_like(mask)
        has[rows_with(words, phrase)] = True
        mask &= has
    for phrase in wanted.none:
        mask[rows_with(words, phrase)] = False


def _carried(bundle: Bundle, names: tuple[str, ...]) -> RowArray:
    """How many of these categories each item has; an unknown one is carried by nobody."""
    lists = bundle.items.categories.lists
    known = {name: code for code, name in enumerate(bundle.items.categories.names)}
    codes = [known[name] for name in set(names) if name in known]
    sums = np.concatenate([[0], np.cumsum(np.isin(lists.indices, codes))])
    carried: RowArray = np.diff(sums[lists.offsets])
    return carried


def _has_any(bundle: Bundle, name: str, values: tuple[str, ...], *, side: str) -> Mask:
    """Which items have one of these values of an attribute, bool [n]."""
    field = f"filters.attributes.{side}.{name}"
    if name not in bundle.items.attributes:
        listed = ", ".join(bundle.items.attributes) or "none"
        raise InvalidParameter(field, f"expected an attribute of this catalogue ({listed})")
    column = bundle.items.attributes[name]
    if name in text_attributes(bundle):
        codes, names = attribute_codes(bundle, name)
        wanted = pa.compute.index_in(pa.array(values, names.type), names).drop_null()
        return np.isin(codes, wanted.to_pylist())
    own, known = truths_of(column) if pa.types.is_boolean(column.type) else numbers_of(column)
    parsed = [_parsed(value, column.type, field) for value in values]
    return known & np.isin(own, np.array(parsed, dtype=own.dtype))


def _parsed(value: str, kind: pa.DataType, field: str) -> bool | int | float:
    """A value of an attribute's type, from its text."""
    try:
        if pa.types.is_boolean(kind):
            return {"true": True, "false": False}[value]
        if not _NUMBER.fullmatch(value):
            raise ValueError(value)
        if pa.types.is_floating(kind):
            return float(value)
        return min(max(int(value), _LEAST), _LARGEST)
    except (KeyError, ValueError) as error:
        expected = next(name for is_of, name in _KINDS if is_of(kind))
        raise InvalidParameter(field, f"expected {expected}, found {shown(value)}") from error


def attribute_codes(bundle: Bundle, name: str) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """An attribute of texts in row order: codes int32 [n], -1 for none, and the texts they index.

    A bundle whose texts are not coded is read in full.
    """
    column = bundle.items.attributes[name]
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return codes_of(coded), coded.dictionary


def _in_range(bundle: Bundle, name: str, limits: Range) -> Mask:
    values, known = attribute_numbers(bundle, name)
    low = -math.inf if limits.min is None else limits.min
    high = math.inf if limits.max is None else limits.max
    if low > high:
        raise InvalidParameter(
            f"filters.ranges.{name}", f"expected low <= high, found {low:g} to {high:g}"
        )
    if values.dtype == np.int64:  # compared with a float they would become floats themselves
        low = math.ceil(max(low, _LEAST))
        high = math.floor(min(high, _LARGEST))
    return known & (values >= low) & (values <= high)


def attribute_numbers(bundle: Bundle, name: str) -> tuple[npt.NDArray[Any], Mask]:
    """A numeric attribute in row order, int64 or float64 [n], and which rows have one, [n].

    Raises InvalidParameter for one that is unknown or text.
    """
    numeric = numeric_attributes(bundle)
    if name not in numeric:
        listed = ", ".join(numeric) or "none"
        raise InvalidParameter(
            f"filters.ranges.{name}", f"expected a numeric attribute of this catalogue ({listed})"
        )
    return numbers_of(bundle.items.attributes[name])


def numeric_attributes(bundle: Bundle) -> list[str]:
    """The names of the attributes that are numbers."""
    return [
        name
        for name, column in bundle.items.attributes.items()
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    ]


def text_attributes(bundle: Bundle) -> list[str]:
    """The names of the attributes that are texts."""
    return [
        name
        for name, column in bundle.items.attributes.items()
        if pa.types.is_dictionary(column.type) or column.type in TEXT
    ]


def _by_rating(bundle: Bundle, wanted: Filters, mask: Mask) -> None:
    if wanted.min_rating_count is None and wanted.min_mean_rating is None:
        return
    popularity = bundle.items.popularity
    if popularity is None:
        raise FeatureUnavailable("this catalogue has no ratings to filter by")
    if wanted.min_rating_count is not None:
        mask &= popularity.rating_count >= wanted.min_rating_count
    if wanted.min_mean_rating is not None:
        mask &= popularity.mean_rating >= wanted.min_mean_rating
