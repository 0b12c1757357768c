"""Rows of text as a table, for terminals and for notebooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from html import escape
from typing import Generic, TypeVar

Row = Sequence[str]
T = TypeVar("T")


class Listing(ABC, Generic[T]):
    """A list of entries that prints as a table; what it is of says which columns and rows."""

    @abstractmethod
    def entries(self) -> Sequence[T]:
        """What is listed, best first."""

    @abstractmethod
    def table(self) -> tuple[Row, list[Row]]:
        """The heading, and a row an entry."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.entries())

    def __len__(self) -> int:
        return len(self.entries())

    def __getitem__(self, place: int) -> T:
        return self.entries()[place]

    def __repr__(self) -> str:
        return as_text(*self.table())

    def _repr_html_(self) -> str:
        head, rows = self.table()
        lines = [_line("th", head), *(_line("td", row) for row in rows)]
        return f"<table>{''.join(lines)}</table>"


def as_text(head: Row, rows: Sequence[Row]) -> str:
    """One line a row under a heading, columns aligned."""
    cells = [head, *rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _line(tag: str, cells: Row) -> str:
    """A row of an HTML table, every cell escaped."""
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
