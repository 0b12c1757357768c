"""A catalogue's own patterns, in an engine that takes time in proportion to the text.

The engine is RE2, which comes with Arrow: it has no look-around and no back-references, and
nothing that an author can write makes it go back. How much one character costs still grows with
the pattern, so a pattern is short, a text it searches is bounded, and so is the time of them all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog.limits import Limits
from indexing.catalog.origin import Origin
from shortlist.errors import CatalogError

MOST_CHARACTERS = 200


def require_one_group(pattern: str) -> str:
    """The pattern. Raises ValueError unless it is one of RE2 with exactly one (group)."""
    if len(pattern) > MOST_CHARACTERS:
        raise ValueError(f"expected at most {MOST_CHARACTERS} characters, found {len(pattern)}")
    for text in (pattern, _whole(pattern)):
        try:
            pa.compute.match_substring_regex(pa.array([""]), text)
        except pa.ArrowInvalid as error:
            reason = str(error).removeprefix("Invalid regular expression: ")
            raise ValueError(f"not a regular expression of RE2: {reason}") from error
    n_groups = sum(_has_group(pattern, number) for number in range(1, 10))
    if n_groups != 1:
        raise ValueError(f"expected exactly one (group), found {n_groups}")
    return pattern


def _has_group(pattern: str, number: int) -> bool:
    try:
        pa.compute.replace_substring_regex(pa.array([""]), pattern, rf"\{number}")
    except pa.ArrowInvalid:
        return False
    return True


def _whole(pattern: str) -> str:
    """Matches all of a text in which the pattern is found, where it is found first."""
    return rf"^(?s:.*?)(?:{pattern})(?s:.*)$"


def first_groups(
    texts: pd.Series, pattern: str, name: str, limits: Limits, origin: Origin
) -> pd.Series:
    """What the group of the first match holds in each text, "" where there is no match.

    Raises CatalogError (file and line) for a text that is too long to be searched, and when the
    search of them all takes too long.
    """
    lengths = texts.str.len().to_numpy(dtype=np.int64)
    long = np.flatnonzero(lengths > limits.pattern_characters)
    if len(long):
        row = int(long[0])
        raise origin.problem(
            row,
            f"attribute {name!r}: its pattern searches at most {limits.pattern_characters}"
            f" characters, found {lengths[row]}; raise limits.pattern_characters in catalog.toml",
        )
    found: list[pa.Array] = []
    ends_at = time.monotonic() + limits.pattern_seconds
    for begin, end in _pieces(lengths, limits.pattern_characters):
        found.append(_groups(pa.array(texts.iloc[begin:end], pa.large_string()), pattern))
        if time.monotonic() > ends_at:
            raise CatalogError(
                f"{origin}: attribute {name!r}: its pattern takes more than"
                f" {limits.pattern_seconds:g} s ({end} of {len(texts)} records searched); simplify"
                " it, or raise limits.pattern_seconds in catalog.toml"
            )
    whole = pa.chunked_array(found, pa.large_string())
    return pd.Series(whole.to_pandas().to_numpy(), index=texts.index, dtype="str")


def _pieces(lengths: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Records, from one to before another, of `most` characters together or little more."""
    begins = np.flatnonzero(np.diff((np.cumsum(lengths) - lengths) // most, prepend=-1))
    yield from zip(begins.tolist(), [*begins[1:].tolist(), len(lengths)], strict=True)


def _groups(texts: pa.Array, pattern: str) -> pa.Array:
    held = pa.compute.replace_substring_regex(texts, _whole(pattern), r"\1")
    return pa.compute.if_else(pa.compute.match_substring_regex(texts, pattern), held, "")
