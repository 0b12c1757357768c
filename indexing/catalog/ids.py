"""Item ids: which type they have, and from an id to its row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog.origin import Origin
from indexing.catalog.quoting import quoted
from indexing.catalog.sources import IdType
from indexing.catalog.tables import as_text, text_array
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.tables import CANONICAL_INTEGER
from shortlist.errors import CatalogError

MAX_ID_LENGTH = 256
_HIGHEST, _LOWEST = str(2**63 - 1), str(-(2**63))


def read_ids(values: pd.Series, wanted: IdType, *, origin: Origin) -> pd.Series:
    """The item ids as int64 or text, every one present and unique.

    With `auto` they are integers when every value is a canonical one: `007` stays text.
    Raises CatalogError naming the first five empty, overlong, repeated or non-integer ids.
    """
    text = as_text(values)
    _refuse(text, text.str.strip() == "", "empty id", origin=origin)
    _refuse(
        text, text.str.len() > MAX_ID_LENGTH, f"id over {MAX_ID_LENGTH} characters", origin=origin
    )
    _refuse(text, text.duplicated(keep=False), "duplicate id", origin=origin)
    canonical = is_int64(text)
    if wanted is IdType.INTEGER:
        _refuse(text, ~canonical, "id is not an integer of 64 bits", origin=origin)
    integer = wanted is not IdType.STRING and bool(canonical.all())
    return text.astype(np.int64) if integer else text


def is_int64(text: pd.Series) -> pd.Series:
    """Which texts are what `str` makes of an int64."""
    digits = text.str.removeprefix("-")
    fits = (digits.str.len() < len(_HIGHEST)) | (digits <= _HIGHEST) | (text == _LOWEST)
    return text.str.fullmatch(CANONICAL_INTEGER) & fits


def rows_of(ids: pd.Series, known: pd.Series) -> RowArray:
    """The row of each id among the `known` ones, -1 where it is none of them."""
    found = pa.compute.index_in(text_array(as_text(ids)), value_set=text_array(as_text(known)))
    return np.asarray(found.fill_null(-1)).astype(np.int64)


def _refuse(text: pd.Series, bad: pd.Series, problem: str, *, origin: Origin) -> None:
    rows = np.flatnonzero(bad.to_numpy(dtype=bool))
    if len(rows):
        first = rows[:5].tolist()
        places = zip(text.iloc[first], origin.locate(first), strict=True)
        listed = ", ".join(f"{quoted(one)} ({place})" for one, place in places)
        raise CatalogError(f"{origin}: {problem}: {listed}; {len(rows)} in all")
