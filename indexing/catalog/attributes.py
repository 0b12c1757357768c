"""One attribute's values: from what a table has to a column of the attribute's type."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog.ids import is_int64
from indexing.catalog.limits import DEFAULT, Limits
from indexing.catalog.number_format import PLAIN, NumberFormat, plain_numbers
from indexing.catalog.origin import Origin
from indexing.catalog.patterns import first_groups
from indexing.catalog.quoting import quoted
from indexing.catalog.sources import AttributeConfig
from indexing.catalog.tables import array_of, as_text, is_list
from shortlist.bundle.attributes import POINTS, TIMES, Kind, Shown, shown, time_of
from shortlist.errors import CatalogError

_TRUTHS = {
    **dict.fromkeys(("true", "yes", "1", "t", "y"), True),
    **dict.fromkeys(("false", "no", "0", "f", "n"), False),
}
"""How a boolean is written, in any case."""


def read_attribute(
    columns: Mapping[Hashable, pd.Series] | pd.DataFrame,
    name: str,
    config: AttributeConfig,
    *,
    origin: Origin,
    limits: Limits = DEFAULT,
    numbers: NumberFormat = PLAIN,
) -> pa.Array:
    """One attribute in row order as a bundle has it (`shortlist.bundle.attributes`), null for none.

    A pattern that does not match gives null; a value that is there and is not of the
    attribute's type raises CatalogError.
    """
    asked = _Asked(f"attribute {name!r}", config, origin, limits, numbers)
    if config.type is Kind.POINT:
        return _points(columns, asked)
    assert config.column is not None
    column = columns[config.column]
    if is_list(column):
        return _of_lists(column, asked)
    values = as_text(column)
    if config.pattern is not None:
        values = first_groups(values, config.pattern, name, limits, origin)
    if config.type in {Kind.INTEGER, Kind.NUMBER} and pd.api.types.is_string_dtype(column):
        values = plain_numbers(values.str.strip(), asked.what, numbers, origin=origin)
    return _READERS[config.type](values.str.strip(), asked)


@dataclass(frozen=True)
class _Asked:
    """What an attribute is to be, and how messages name it."""

    what: str
    config: AttributeConfig
    origin: Origin
    limits: Limits
    numbers: NumberFormat


def attribute_texts(column: pa.Array) -> pd.Series:
    """An attribute in row order as text, "" for none: as a document has it."""
    rows = range(len(column))
    return pd.Series([_written(shown(column, row)) for row in rows], dtype="str")


def _written(value: Shown) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, dict):
        return ", ".join(map(str, value.values()))
    return "" if value is None else str(value)


def coded(texts: pa.Array) -> pa.Array:
    """Texts as codes of a dictionary that rises, so that codes compare as texts do."""
    found = texts.dictionary_encode()
    order = pa.compute.array_sort_indices(found.dictionary)
    places = pa.compute.array_sort_indices(order).cast(pa.int32())
    return pa.DictionaryArray.from_arrays(places.take(found.indices), found.dictionary.take(order))


def _texts(values: pd.Series, _: _Asked) -> pa.Array:
    return coded(array_of(values.where(values != "", None), pa.large_string()))


def _parted(values: pd.Series, asked: _Asked) -> pa.Array:
    parts = pa.compute.split_pattern(array_of(values, pa.large_string()), asked.config.separator)
    return _listed(parts, asked)


def _of_lists(column: pd.Series, asked: _Asked) -> pa.Array:
    if asked.config.type is not Kind.STRINGS:
        raise CatalogError(
            f'{asked.origin}: {asked.what}: its column has lists; expected type = "strings"'
        )
    return _listed(array_of(column, pa.large_list(pa.large_string())), asked)


def _listed(lists: pa.Array, asked: _Asked) -> pa.Array:
    """Lists of texts, each text of an item once, without blanks around it; null for an empty one.

    Raises CatalogError for an item with too many.
    """
    n_values = pa.compute.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    many = np.flatnonzero(n_values > asked.limits.values_per_item)
    if len(many):
        raise asked.origin.problem(
            int(many[0]),
            f"{asked.what}: expected at most {asked.limits.values_per_item} values of an item,"
            f" found {n_values[many[0]]}; raise limits.values_per_item in catalog.toml",
        )
    texts = pa.compute.utf8_trim_whitespace(pa.compute.list_flatten(lists).fill_null(""))
    rows = np.repeat(np.arange(len(lists)), n_values)
    kept = np.flatnonzero(pa.compute.not_equal(texts, "").to_numpy(zero_copy_only=False))
    codes = coded(texts.take(pa.array(kept)).cast(pa.large_string()))
    pairs = rows[kept] * max(1, len(codes.dictionary)) + codes.indices.to_numpy()
    _, first = np.unique(pairs, return_index=True)
    first.sort()
    counts = np.bincount(rows[kept][first], minlength=len(lists))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int64())
    chosen = codes.take(pa.array(first))
    return pa.LargeListArray.from_arrays(offsets, chosen, mask=pa.array(counts == 0))


def _times(values: pd.Series, asked: _Asked) -> pa.Array:
    """Each distinct text is read once."""
    found = array_of(values.where(values != "", None), pa.large_string()).dictionary_encode()
    known = [_time(text, values, asked) for text in found.dictionary.to_pylist()] or [(0, 0)]
    places = found.indices.fill_null(0)
    parts = [
        pa.array(part, one.type).take(places)
        for part, one in zip(zip(*known, strict=True), TIMES, strict=True)
    ]
    return pa.StructArray.from_arrays(parts, fields=list(TIMES), mask=found.indices.is_null())


def _time(text: str, values: pd.Series, asked: _Asked) -> tuple[int, int]:
    try:
        return time_of(text)
    except (ValueError, OverflowError) as error:
        row = int(np.flatnonzero((values == text).to_numpy(dtype=bool))[0])
        raise asked.origin.problem(
            row,
            f"{asked.what}: expected a date or a time in ISO 8601 (2024-05-01,"
            f" 2024-05-01T10:30:00Z), found {quoted(text)}",
        ) from error


def _points(columns: Mapping[Hashable, pd.Series] | pd.DataFrame, asked: _Asked) -> pa.Array:
    """Latitudes and longitudes; null where both are missing."""
    assert asked.config.columns is not None
    names, origin = asked.config.columns, asked.origin
    degrees = []
    for name, most in zip(names, (90, 180), strict=True):
        values = as_text(columns[name]).str.strip()
        if pd.api.types.is_string_dtype(columns[name]):
            values = plain_numbers(values, asked.what, asked.numbers, origin=origin)
        found = _numbers(values, asked, Kind.NUMBER)
        _refuse(found.abs() > most, values, f"{asked.what}: expected degrees up to {most}", origin)
        degrees.append(found)
    lat, lon = degrees
    alone = lat.isna() != lon.isna()
    _refuse(alone, lat, f"{asked.what}: expected both {names[0]!r} and {names[1]!r}", origin)
    arrays = [array_of(one.fillna(0.0), pa.float64()) for one in degrees]
    return pa.StructArray.from_arrays(arrays, fields=list(POINTS), mask=pa.array(lat.isna()))


def _refuse(bad: pd.Series, values: pd.Series, said: str, origin: Origin) -> None:
    rows = np.flatnonzero(bad.fillna(False).to_numpy(dtype=bool))
    if len(rows):
        row = int(rows[0])
        raise origin.problem(row, f"{said}, found {quoted(str(values.iloc[row]))}")


def _truths(values: pd.Series, asked: _Asked) -> pa.Array:
    truths = values.str.casefold().map(_TRUTHS).astype("boolean")
    expected = f"{asked.what}: expected a boolean (one of {', '.join(_TRUTHS)})"
    _refuse((values != "") & truths.isna(), values, expected, asked.origin)
    return array_of(truths, pa.bool_())


def _integers(values: pd.Series, asked: _Asked) -> pa.Array:
    return array_of(_numbers(values, asked, Kind.INTEGER), pa.int64())


def _floats(values: pd.Series, asked: _Asked) -> pa.Array:
    return array_of(_numbers(values, asked, Kind.NUMBER), pa.float64())


def _numbers(values: pd.Series, asked: _Asked, kind: Kind) -> pd.Series:
    """Nullable Int64 or Float64."""
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    good = numbers.abs() < np.inf
    exact = pd.Series(False, index=values.index)
    if kind is Kind.INTEGER:
        exact = is_int64(values)
        good = exact | (good & (numbers == numbers.round()) & (numbers.abs() < 2**53))
    _refuse((values != "") & ~good, values, f"{asked.what}: expected {kind.value}", asked.origin)
    if kind is Kind.NUMBER:
        return numbers.where(good).astype("Float64")
    whole = numbers.where(good & ~exact, 0.0).to_numpy().astype(np.int64)
    whole[exact.to_numpy(dtype=bool)] = values[exact].to_numpy(dtype=object).astype(np.int64)
    missing = ~good.to_numpy(dtype=bool)
    return pd.Series(pd.arrays.IntegerArray(whole, missing), index=values.index)


_READERS: Mapping[Kind, Callable[[pd.Series, _Asked], pa.Array]] = {
    Kind.STRING: _texts,
    Kind.STRINGS: _parted,
    Kind.BOOLEAN: _truths,
    Kind.TIME: _times,
    Kind.INTEGER: _integers,
    Kind.NUMBER: _floats,
}
