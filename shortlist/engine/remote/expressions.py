"""A filter as a Milvus expression: numbers and operators, nothing that anybody typed.

What cannot be said in one is left out, so that an expression never keeps back an item that the
filter lets pass; who uses it looks at what is found once more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shortlist.bundle.attributes import CODED, LISTED, NAMED, NUMERIC, Kind, code_of
from shortlist.bundle.tables import ItemTable
from shortlist.engine.attribute_filters import (
    EARTH_KM,
    LARGEST,
    LEAST,
    limits_of,
    number_of,
    spans_of,
)
from shortlist.engine.conditions import Filters, Near, Range
from shortlist.engine.remote.fields import FilterField
from shortlist.engine.value_sets import CATEGORIES, names_of

KEY = "entry"
"""The field that names an entry of a segment: the collection's key."""

LOT, N_LOTS = "lot", 1000
"""The field with a number below 1,000 drawn for each entry: recall under filters is measured by it,
and no filter asks it."""

_NOBODY = f"{KEY} < 0"
_MOST_SPANS = 100
_MOST_CHARACTERS = 100_000


@dataclass(frozen=True)
class Expression:
    """`text` lets pass what the filter does, "" everything; no more than that if `complete`.

    `names` are the columns that it asks.
    """

    text: str = ""
    complete: bool = True
    names: frozenset[str] = frozenset()

    def __invert__(self) -> Expression:
        """What does not pass: that can be told of a complete one alone."""
        if not self.complete:
            return ANYTHING
        return Expression(f"not ({self.text})" if self.text else _NOBODY, names=self.names)


ANYTHING = Expression(complete=False)


def expression_of(
    wanted: Filters, items: ItemTable, fields: Mapping[str, FilterField]
) -> Expression:
    """The expression of a filter over the columns of a collection, by the `fields` that it has.

    `items` are the columns as the collection holds them: codes are theirs. The filter is one that
    was found to be sound.
    """
    found = _Compiler(items, fields).all(wanted)
    return ANYTHING if len(found.text) > _MOST_CHARACTERS else found


def _both(parts: Iterable[Expression]) -> Expression:
    every = list(parts)
    text = " and ".join(f"({one.text})" for one in every if one.text)
    names = frozenset().union(*(one.names for one in every))
    return Expression(text, all(one.complete for one in every), names)


def _either(parts: Iterable[Expression]) -> Expression:
    every = list(parts)
    if not all(one.text for one in every):
        return Expression("", all(one.complete for one in every))
    text = " or ".join(f"({one.text})" for one in every)
    names = frozenset().union(*(one.names for one in every))
    return Expression(text, all(one.complete for one in every), names)


class _Compiler:
    def __init__(self, items: ItemTable, fields: Mapping[str, FilterField]) -> None:
        self._items, self._fields = items, fields

    def all(self, wanted: Filters) -> Expression:
        return _both(self._parts(wanted))

    def _parts(self, wanted: Filters) -> Iterator[Expression]:
        own = wanted.categories
        if own.any:
            yield self._has_any(CATEGORIES, own.any)
        yield from (self._has_any(CATEGORIES, [name]) for name in own.all)
        if own.none:
            yield ~self._has_any(CATEGORIES, own.none)
        for name, values in wanted.attributes.any.items():
            yield self._has_any(name, values)
        for name, values in wanted.attributes.none.items():
            yield ~self._has_any(name, values)
        for name, limits in wanted.ranges.items():
            yield self._in_range(name, limits)
        if wanted.near is not None and wanted.near.km is not None:
            yield self._near(wanted.near, wanted.near.km)
        if _asks_more(wanted):
            yield ANYTHING
        yield from map(self.all, wanted.all_of)
        if wanted.any_of:
            yield _either(map(self.all, wanted.any_of))
        yield from (~self.all(inner) for inner in wanted.none_of)

    def _has_any(self, name: str, values: Sequence[str]) -> Expression:
        field = self._fields.get(name)
        if field is None:
            return ANYTHING
        if field.kind in NAMED:
            return _of(field, self._coded(field, values))
        if field.kind is Kind.TIME:
            spans = spans_of(values, name)
            if len(spans) > _MOST_SPANS:
                return ANYTHING
            return _either(_between(field, *span) for span in spans)
        numbers = sorted({number_of(value, field.kind, name) for value in values})
        if LEAST in numbers:  # no expression can write it
            return ANYTHING
        written = [_written(one, field.kind) for one in numbers if math.isfinite(one)]
        return _of(field, _known(field, f"{field.field} in [{', '.join(written)}]", any(written)))

    def _coded(self, field: FilterField, values: Sequence[str]) -> str:
        codes = sorted(self._codes(field, values))
        written = ", ".join(map(str, codes))
        if not codes:
            return _NOBODY
        if field.kind is not Kind.STRINGS:
            return f"{field.field} in [{written}]"
        if len(codes) == 1:
            return f"array_contains({field.field}, {written})"
        return f"array_contains_any({field.field}, [{written}])"

    def _codes(self, field: FilterField, values: Sequence[str]) -> set[int]:
        if field.name == CATEGORIES:
            names = self._items.categories.names
            return {names.index(value) for value in values if value in names}
        column = self._items.attributes[field.name]
        rising = column.type in {CODED, LISTED}
        found = {code_of(names_of(column), value, rising=rising) for value in values}
        return {code for code in found if code is not None}

    def _in_range(self, name: str, limits: Range) -> Expression:
        field = self._fields.get(name)
        if field is None:
            return ANYTHING
        return _between(field, *limits_of(field.kind, limits, name))

    def _near(self, near: Near, km: float) -> Expression:
        """The items of the same latitudes: those farther east or west are told apart here."""
        points = [one for one in self._fields.values() if one.kind is Kind.POINT]
        named = [one for one in points if near.attribute in {None, one.name}]
        if len(named) != 1:
            return ANYTHING
        (field,), away = named, math.degrees(km / EARTH_KM) * (1 + 1e-9) + 1e-9
        bounds = f"{field.field}_lat >= {near.lat - away!r} and {field.field}_lat <= "
        text = _known(field, f"{bounds}{near.lat + away!r}", True)
        return Expression(text, complete=False, names=frozenset([field.name]))


def _asks_more(wanted: Filters) -> bool:
    """Whether a filter has conditions of its own that no column is for."""
    rated = wanted.min_rating_count is not None or wanted.min_mean_rating is not None
    by_id = wanted.include_ids is not None or bool(wanted.exclude_ids)
    return rated or by_id or bool(wanted.words.all) or bool(wanted.words.none)


def _of(field: FilterField, text: str) -> Expression:
    return Expression(text, names=frozenset([field.name]))


def _known(field: FilterField, text: str, can_be: bool) -> str:
    return f"{field.known} == true and {text}" if can_be else _NOBODY


def _between(field: FilterField, low: float, high: float) -> Expression:
    """From low to high, where both are bounds that say something."""
    is_number = field.kind is Kind.NUMBER
    least, largest = (-math.inf, math.inf) if is_number else (LEAST, LARGEST)
    bounds = [f"{field.field} >= {_written(low, field.kind)}"] if low > least else []
    bounds += [f"{field.field} <= {_written(high, field.kind)}"] if high < largest else []
    if low > high:
        return _of(field, _NOBODY)
    return _of(field, " and ".join([f"{field.known} == true", *bounds]))


def _written(number: float, kind: Kind) -> str:
    """A number as an expression has it: integers without a point, others with one."""
    if kind is Kind.NUMBER:
        return repr(float(number))
    assert kind in NUMERIC or kind is Kind.TIME
    return str(int(number))
