"""One attribute's values: from what a table has to a column of the attribute's type."""

from __future__ import annotations

import numpy as np
import pandas as pd

from indexing.catalog.ids import is_int64
from indexing.catalog.limits import DEFAULT, Limits
from indexing.catalog.number_format import PLAIN, NumberFormat, plain_numbers
from indexing.catalog.origin import Origin
from indexing.catalog.patterns import first_groups
from indexing.catalog.quoting import quoted
from indexing.catalog.sources import AttributeConfig, AttributeType
from indexing.catalog.tables import as_text

_TRUTHS = {
    **dict.fromkeys(("true", "yes", "1", "t", "y"), True),
    **dict.fromkeys(("false", "no", "0", "f", "n"), False),
}
"""How a boolean is written, in any case."""


def read_attribute(
    column: pd.Series,
    name: str,
    config: AttributeConfig,
    *,
    origin: Origin,
    limits: Limits = DEFAULT,
    numbers: NumberFormat = PLAIN,
) -> pd.Series:
    """One attribute in row order: nullable Int64, Float64, boolean or text; null for none.

    A pattern that does not match gives null; a value that is there and is not of the
    attribute's type raises CatalogError.
    """
    values = as_text(column)
    if config.pattern is not None:
        values = first_groups(values, config.pattern, name, limits, origin)
    values = values.str.strip()
    if config.type is AttributeType.STRING:
        return values.where(values != "", None)
    if config.type is AttributeType.BOOLEAN:
        return _truths(values, name, origin=origin)
    if pd.api.types.is_string_dtype(column):
        values = plain_numbers(values, f"attribute {name!r}", numbers, origin=origin)
    return _numbers(values, name, config.type, origin=origin)


def _truths(values: pd.Series, name: str, *, origin: Origin) -> pd.Series:
    truths = values.str.casefold().map(_TRUTHS).astype("boolean")
    bad = np.flatnonzero(((values != "") & truths.isna()).to_numpy(dtype=bool))
    if len(bad):
        row = int(bad[0])
        raise origin.problem(
            row,
            f"attribute {name!r}: expected a boolean (one of {', '.join(_TRUTHS)}), found"
            f" {quoted(values.iloc[row])}",
        )
    return truths


def _numbers(values: pd.Series, name: str, kind: AttributeType, *, origin: Origin) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    good = numbers.abs() < np.inf
    exact = pd.Series(False, index=values.index)
    if kind is AttributeType.INTEGER:
        exact = is_int64(values)
        good = exact | (good & (numbers == numbers.round()) & (numbers.abs() < 2**53))
    bad = np.flatnonzero(((values != "") & ~good).to_numpy(dtype=bool))
    if len(bad):
        row = int(bad[0])
        raise origin.problem(
            row, f"attribute {name!r}: expected {kind.value}, found {quoted(values.iloc[row])}"
        )
    if kind is AttributeType.NUMBER:
        return numbers.where(good).astype("Float64")
    whole = numbers.where(good & ~exact, 0.0).to_numpy().astype(np.int64)
    whole[exact.to_numpy(dtype=bool)] = values[exact].to_numpy(dtype=object).astype(np.int64)
    missing = ~good.to_numpy(dtype=bool)
    return pd.Series(pd.arrays.IntegerArray(whole, missing), index=values.index)
