"""How a CSV file is written."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from indexing.catalog.encodings import UTF8
from indexing.catalog.unfolding import kind_of

_TAB = {".tsv", ".tab"}
"""What a file's name ends with whose fields are parted by tabs."""

DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
"""The usual ones, as messages call them."""


def require_one_character(sign: str) -> str:
    """The delimiter or quotation mark. Raises ValueError for what no CSV file has there."""
    if len(sign) != 1 or not sign.isascii() or sign in "\r\n\0":
        raise ValueError("expected one ASCII character that ends no line")
    return sign


@dataclass(frozen=True)
class Dialect:
    """What parts fields (None: as the file's name says), encloses them, and is their encoding.

    Nothing encloses them where `quote` is "". `decimal` stands before the fraction of a number.
    """

    delimiter: str | None = None
    quote: str = '"'
    encoding: str = UTF8
    decimal: str = "."

    def of(self, path: Path) -> Dialect:
        """The dialect of one file: with a delimiter."""
        by_name = "\t" if kind_of(path) in _TAB else ","
        return replace(self, delimiter=by_name) if self.delimiter is None else self

    def others(self) -> Iterator[Dialect]:
        """The same with each of the other usual delimiters."""
        return (replace(self, delimiter=one) for one in DELIMITERS if one != self.delimiter)

    @property
    def of_csv(self) -> dict[str, Any]:
        """As options of `csv.reader`."""
        if not self.quote:
            return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE}
        return {"delimiter": self.delimiter, "quotechar": self.quote}

    @property
    def of_arrow(self) -> pa.csv.ParseOptions:
        """As options of Arrow's reader."""
        return pa.csv.ParseOptions(
            delimiter=self.delimiter, quote_char=self.quote or False, newlines_in_values=True
        )


DEFAULT = Dialect()
