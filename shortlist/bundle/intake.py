"""What a changed item may hold: the catalogue's own columns, as its manifest tells them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import Field

from shortlist.bundle.attributes import Kind, time_of
from shortlist.bundle.ids import HALF_A_PAIR, id_problem, is_text, shown
from shortlist.bundle.profiles import Value
from shortlist.bundle.tables import ItemId

TAGS = "tags"
"""The name under which a changed item has its tags, where the catalogue has any."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TRUTHS = ("true", "false", "yes", "no", "1", "0", "t", "f", "y", "n")

Scalar = str | int | float | bool


class ColumnIntake(Value):
    """One column of an item: whether it may be a list, and what its text must be, None for any.

    Degrees of a point have their `most`.
    """

    lists: bool = False
    kind: Kind | None = None
    most: float | None = None


class Intake(Value):
    """What an item of this catalogue is changed by: its columns by name, `id` and `title` needed.

    With `tags` it may have a list of them. A text has at most `field_bytes`, a list at most
    `values_per_item` values.
    """

    id: str
    id_type: Literal["integer", "string"]
    title: str
    tags: bool
    columns: Annotated[dict[str, ColumnIntake], Field(max_length=1000)]
    field_bytes: int = Field(ge=1)
    values_per_item: int = Field(ge=1)

    @cached_property
    def names(self) -> list[str]:
        """Every name that an item may have."""
        return [*self.columns, *([TAGS] if self.tags and TAGS not in self.columns else [])]

    def problems_of(self, item: object) -> dict[str, str]:
        """What is wrong with a whole item, by column; empty for a sound one."""
        if not isinstance(item, dict):
            return {"": "expected an object with the catalogue's columns"}
        found = dict(self._of_values(item))
        for name in (self.id, self.title):
            if _is_missing(item.get(name)) and name not in found:
                found[name] = "expected a value, found none"
        return found

    def problems_of_patch(self, values: object) -> dict[str, str]:
        """What is wrong with new values of some columns; empty for sound ones."""
        if not isinstance(values, dict) or not values:
            return {"": "expected an object with at least one of the catalogue's columns"}
        found = dict(self._of_values(values))
        if self.id in values:
            found[self.id] = "an item keeps its id; delete it and put another one in"
        if self.title in values and _is_missing(values[self.title]):
            found[self.title] = "expected a value, found none"
        return found

    def id_problem(self, item_id: object) -> str | None:
        """What is wrong with an id, None for one that an item of this catalogue can have."""
        return id_problem(item_id, integers=self.id_type == "integer")

    def id_of(self, item_id: ItemId) -> ItemId:
        """A sound id as this catalogue types it."""
        return int(item_id) if self.id_type == "integer" else str(item_id)

    def _of_values(self, values: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
        for name, value in values.items():
            problem = self._of_value(name, value)
            if problem is not None:
                yield str(name), problem

    def _of_value(self, name: str, value: object) -> str | None:
        if name not in self.names:
            return f"no such column; known: {', '.join(self.names)}"
        if value is None:
            return None
        if name == self.id:
            return self.id_problem(value)
        column = self.columns.get(name, ColumnIntake(lists=True))
        if isinstance(value, list):
            return self._of_list(value) if column.lists else "expected one value, found a list"
        if name == TAGS and name not in self.columns:
            return "expected a list of texts"
        return self._of_scalar(value) or _of_kind(value, column)

    def _of_list(self, values: list[Any]) -> str | None:
        if len(values) > self.values_per_item:
            return f"expected at most {self.values_per_item} values, found {len(values)}"
        return next((said for one in values if (said := self._of_scalar(one))), None)

    def _of_scalar(self, value: object) -> str | None:
        if not isinstance(value, Scalar):
            return f"expected a text, a number or true or false, found {shown(value)}"
        if isinstance(value, float) and not isfinite(value):
            return "expected a finite number"
        if not is_text(str(value)):
            return HALF_A_PAIR
        length = len(str(value).encode())
        if length > self.field_bytes:
            return f"expected at most {self.field_bytes} bytes, found {length}"
        return None


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _of_kind(value: Any, column: ColumnIntake) -> str | None:
    """What is wrong with the value of an attribute; an empty text is none."""
    text = str(value).strip()
    if column.kind is None or not text:
        return None
    is_truth = isinstance(value, bool)
    if not _IS[column.kind](text) or (is_truth and column.kind is not Kind.BOOLEAN):
        return f"expected {_EXPECTED[column.kind]}, found {shown(value)}"
    if column.most is not None and abs(float(text)) > column.most:
        return f"expected degrees up to {column.most:g}, found {shown(value)}"
    return None


_EXPECTED = {
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "an integer",
    Kind.NUMBER: "a number",
    Kind.TIME: "a date or a time in ISO 8601",
}


def _is_time(text: str) -> bool:
    try:
        time_of(text)
    except (ValueError, OverflowError):
        return False
    return True


_IS: dict[Kind, Callable[[str], bool]] = {
    Kind.BOOLEAN: lambda text: text.casefold() in _TRUTHS,
    Kind.INTEGER: lambda text: bool(_NUMBER.fullmatch(text)) and float(text).is_integer(),
    Kind.NUMBER: lambda text: bool(_NUMBER.fullmatch(text)),
    Kind.TIME: _is_time,
}
