"""Numbers as people write them: decimal commas, thousands, a currency's sign."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog.origin import Origin
from indexing.catalog.quoting import quoted

_BLANK = r"[\s\x{00a0}\x{202f}]"
"""What may stand around a currency and between thousands: also blanks that break no line."""


@dataclass(frozen=True)
class NumberFormat:
    """What stands before a number's fraction, between its thousands, and before or after it."""

    decimal: str = "."
    thousands: str = ""
    currency: str = ""

    def __str__(self) -> str:
        named = {name: value for name, value in vars(self).items() if value}
        return ", ".join(f'{name} = "{value}"' for name, value in named.items())

    @property
    def pattern(self) -> str:
        """Matches a number so written, in RE2; thousands are by three."""
        sign = rf"(?:{re.escape(self.currency)})?" if self.currency else ""
        whole = r"\d*"
        if self.thousands:
            whole = rf"(?:\d{{1,3}}(?:{self._between}\d{{3}})+|\d*)"
        number = rf"[+-]?{whole}(?:{re.escape(self.decimal)}\d*)?(?:[eE][+-]?\d+)?"
        return rf"^{_BLANK}*[+-]?{sign}{_BLANK}*{number}{_BLANK}*{sign}{_BLANK}*$"

    @property
    def _between(self) -> str:
        return _BLANK if self.thousands == " " else re.escape(self.thousands)

    def plain(self, texts: pa.Array) -> pa.Array:
        """What match the pattern as numbers that every program reads: "€6.096,80" is "6096.80"."""
        if self.currency:
            texts = pa.compute.replace_substring(texts, self.currency, "")
        texts = pa.compute.replace_substring_regex(texts, _BLANK, "")
        if self.thousands.strip():
            texts = pa.compute.replace_substring(texts, self.thousands, "")
        return pa.compute.replace_substring(texts, self.decimal, ".")


PLAIN = NumberFormat()


def plain_numbers(
    values: pd.Series, what: str, number_format: NumberFormat, *, origin: Origin
) -> pd.Series:
    """Texts of numbers as every program reads them; numbers and missing values stay as they are.

    Raises CatalogError, with the first record, for a text that is not written in the format.
    """
    if number_format == PLAIN or not pd.api.types.is_string_dtype(values):
        return values
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    fits = pa.compute.match_substring_regex(texts, number_format.pattern).fill_null(True)
    bad = np.flatnonzero(~fits.to_numpy(zero_copy_only=False))
    if len(bad):
        row = int(bad[0])
        raise origin.problem(
            row,
            f"{what}: expected a number written with {number_format}, found"
            f" {quoted(values.iloc[row])}",
        )
    plain = number_format.plain(texts).to_pandas()
    return pd.Series(plain.to_numpy(), index=values.index, dtype="str")
