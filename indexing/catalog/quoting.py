"""What a message shows of a value or a file that others wrote: a short, printable piece."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

MOST_CHARACTERS = 60
MOST_LISTED = 20


def quoted(value: object) -> str:
    """The value's `repr`, of a text longer than 60 characters its beginning and its length."""
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        return f"{value[:MOST_CHARACTERS]!r}… ({len(value)} characters)"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    text = value if isinstance(value, str) else _written(value)
    return repr(value) if text == value else shortened(text)


def listed(names: Sequence[str]) -> str:
    """The first 20 names, quoted, and how many more there are."""
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(map(quoted, islice(names, MOST_LISTED))) + more


def _written(value: object) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # a number of too many digits somewhere in it
        return type(value).__name__


def shortened(text: str) -> str:
    """The text, cut after 60 characters."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
