"""Where the records of a table come from, as messages about them say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shortlist.errors import CatalogError


@dataclass(frozen=True)
class Origin:
    """A table's name, and where each of some of its records (0-based, rising) stands in it."""

    name: str
    locate: Callable[[Sequence[int]], list[str]]

    def problem(self, row: int, message: str) -> CatalogError:
        """What is wrong with one record."""
        return CatalogError(f"{self.name}: {self.locate([row])[0]}: {message}")

    def __str__(self) -> str:
        return self.name
