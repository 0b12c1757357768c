"""Whether a file has the columns that are asked of it, and what is said if not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from indexing.catalog.quoting import MOST_CHARACTERS, listed, quoted
from shortlist.errors import CatalogError

MOST_DOTTED = 1000
"""So many characters a name may have that is looked for within structs and objects."""


@cache
def ways_into(name: str) -> tuple[tuple[str, str], ...]:
    """How "a.b.c" may name what is in a value: ("a.b", "c") and ("a", "b.c"), the longest first."""
    if len(name) > MOST_DOTTED:
        return ()
    dots = [place for place, sign in enumerate(name) if sign == "."]
    return tuple((name[:dot], name[dot + 1 :]) for dot in reversed(dots) if dot)


def first_wrong(wanted: Sequence[str], found: Sequence[str]) -> str | None:
    """The first wanted name that is not found once, if there is one."""
    return next((column for column in wanted if found.count(column) != 1), None)


def not_once(where: object, column: str, found: Sequence[str], shown: str) -> CatalogError:
    """What is said of a column that is missing or there twice."""
    problem = "stands twice" if column in found else "is missing"
    return CatalogError(f"{where}: column {quoted(column)} {problem}; {shown}")


def columns_found(found: Sequence[str]) -> str:
    """The names of a table's columns, or how many there are if they are not fit to be shown."""
    if all(map(_may_be_shown, found)):
        return f"columns found: {listed(found)}"
    return no_table(found)


def no_table(found: Sequence[str]) -> str:
    """What is said of a first line that is none of column names."""
    return (
        f"found {len(found)} columns on its first line, which does not look like a table's;"
        " expected names parted by commas"
    )


def _may_be_shown(name: str) -> bool:
    return name.isprintable() and len(name) <= MOST_CHARACTERS
