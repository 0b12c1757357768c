"""Whether a file has the columns that are asked of it, and what is said if not."""

from __future__ import annotations

from collections.abc import Sequence

from indexing.catalog.quoting import MOST_CHARACTERS, listed, quoted
from shortlist.errors import CatalogError


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
