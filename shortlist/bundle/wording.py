"""How people speak of attributes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shortlist.bundle.profiles import Value


class Reads(Value):
    """How texts speak of a numeric attribute: as a year, as minutes, or as a number of `units`."""

    kind: Literal["year", "minutes", "number"]
    units: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=40)], ...],
                     Field(max_length=20)] = ()  # fmt: skip


class AttributeInfo(Value):
    """How people read an attribute: its label, the unit of its numbers and how many decimals."""

    label: str | None = Field(default=None, min_length=1, max_length=80)
    unit: str | None = Field(default=None, min_length=1, max_length=20)
    decimals: int | None = Field(default=None, ge=0, le=9)
