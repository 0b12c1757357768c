"""What a filter can say: every condition once, with its limits, its default and its help."""

from __future__ import annotations

import math
import re
import sys
from typing import Annotated

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from shortlist.bundle.attributes import TIME_TEXT
from shortlist.bundle.manifest import Count
from shortlist.bundle.tables import ItemId

MAX_ID_LENGTH = 256
MAX_LISTED = 1000
MAX_PHRASES = 16
MAX_ATTRIBUTES = 100
MAX_NESTED, MAX_INSIDE = 4, 32
"""Filters inside each other, and inside one in all."""

_SHOWN = 40
_ID_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
    ]
}


def shown(value: object) -> str:
    """The beginning of a value: an error is not larger than what it speaks of."""
    text = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= 2 * _SHOWN else f"{text[: 2 * _SHOWN]}…"


def _item_id(value: object) -> object:
    is_integer = type(value) is int and -(2**63) <= value < 2**63
    if is_integer or (isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH):
        return value
    raise ValueError(
        f"expected an id, an integer of 64 bits or 1 to {MAX_ID_LENGTH} characters, found"
        f" {shown(value)}"
    )


def _value(value: object) -> object:
    """A value as a query string would have it: true, 42, 1.5 or a text."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else value


def _bound(value: object) -> float | str:
    """A number, an integer of 64 bits as it is: from 2^53 on a float would be another one.

    Or a date or a time, as it is written.
    """
    if isinstance(value, str) and re.fullmatch(TIME_TEXT, value, re.ASCII):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, or a date or time in ISO 8601, found {shown(value)}")
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    number = float(value) if abs(value) <= sys.float_info.max else math.inf
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, found {shown(value)}")
    return number


Finite = Annotated[float, Field(allow_inf_nan=False)]
Bound = Annotated[
    int | float | str,
    pydantic.PlainValidator(_bound),
    pydantic.WithJsonSchema({"type": ["number", "string"]}),
]
Id = Annotated[ItemId, pydantic.BeforeValidator(_item_id), pydantic.WithJsonSchema(_ID_SCHEMA)]
Listed = Field(max_length=MAX_LISTED, strict=False)
Ids = Annotated[tuple[Id, ...], Listed]
Names = Annotated[tuple[str, ...], Listed]
Value = Annotated[
    str,
    pydantic.BeforeValidator(_value),
    pydantic.WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Valued = Annotated[
    dict[str, Annotated[tuple[Value, ...], Listed]], Field(max_length=MAX_ATTRIBUTES)
]
Listing = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    Field(max_length=MAX_PHRASES, strict=False),
]


class Options(BaseModel):
    """Named values and no others, as they are in JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Categories(Options):
    """At least one of `any`, every one of `all`, none of `none`."""

    any: Names = Field(default=(), description="At least one of these categories.")
    all: Names = Field(default=(), description="All of these categories.")
    none: Names = Field(default=(), description="None of these categories.")


class Phrases(Options):
    """Words and phrases of documents: every one of `all`, none of `none`."""

    all: Listing = Field(default=(), description="Words or phrases that must occur.")
    none: Listing = Field(default=(), description="Words or phrases that must not occur.")


class Attributes(Options):
    """For each attribute at least one of the values of `any`, and none of those of `none`."""

    any: Valued = Field(default={}, description="By attribute: at least one of these values.")
    none: Valued = Field(default={}, description="By attribute: none of these values.")


class Range(Options):
    """From `min` to `max`, both included; an item without a value does not pass.

    Numbers, or dates and times (a date as `max` is the end of its day).
    """

    min: Bound | None = None
    max: Bound | None = None


class Near(Options):
    """Not farther than `km` from a point; without `km` only the point that distances are from."""

    lat: Annotated[Finite, Field(ge=-90, le=90)]
    lon: Annotated[Finite, Field(ge=-180, le=180)]
    km: Annotated[Finite, Field(ge=0)] | None = None
    attribute: str | None = Field(default=None, description="Where there are several points.")


Inner = Annotated["tuple[Filters, ...]", Field(max_length=MAX_INSIDE, strict=False)]


class Filters(Options):
    """Conditions that an item must meet, all of them."""

    categories: Categories = Categories()
    words: Phrases = Phrases()
    attributes: Attributes = Attributes()
    ranges: Annotated[dict[str, Range], Field(max_length=MAX_ATTRIBUTES)] = Field(
        default={}, description="Limits of attributes that are numbers or times."
    )
    near: Near | None = Field(default=None, description="Near a point, an attribute's distance.")
    min_rating_count: Count | None = Field(default=None, description="At least so many ratings.")
    min_mean_rating: Finite | None = Field(default=None, description="At least this mean rating.")
    include_ids: Ids | None = Field(default=None, description="Only these items.")
    exclude_ids: Ids = Field(default=(), description="Without these items.")
    all_of: Inner = Field(default=(), description="Filters that an item must pass too.")
    any_of: Inner = Field(default=(), description="Filters of which an item must pass one.")
    none_of: Inner = Field(default=(), description="Filters that an item must not pass.")

    @pydantic.model_validator(mode="after")
    def _is_bounded(self) -> Filters:
        depth, n_inside, n_phrases = self._extent()
        if depth > MAX_NESTED or n_inside > MAX_INSIDE:
            raise ValueError(
                f"expected at most {MAX_NESTED} filters inside each other and {MAX_INSIDE} in all,"
                f" found {depth} and {n_inside}"
            )
        if n_phrases > 2 * MAX_PHRASES:
            raise ValueError(
                f"expected at most {2 * MAX_PHRASES} phrases in all filters, found {n_phrases}"
            )
        return self

    def _extent(self) -> tuple[int, int, int]:
        """How deep filters stand inside this one, how many, and the phrases in all of them."""
        extents = [one._extent() for one in (*self.all_of, *self.any_of, *self.none_of)]
        deepest = max((depth + 1 for depth, _, _ in extents), default=0)
        n_phrases = len(self.words.all) + len(self.words.none)
        return (
            deepest,
            sum(n_inside + 1 for _, n_inside, _ in extents),
            n_phrases + sum(inside for _, _, inside in extents),
        )

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return bool(self.model_fields_set) and self != NO_FILTERS


NO_FILTERS = Filters()
