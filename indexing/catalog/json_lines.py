"""Reading JSON lines: one object a line, its values as text or lists of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from indexing.catalog.arrow_values import TEXTS
from indexing.catalog.column_names import MOST_DOTTED, ways_into
from indexing.catalog.limits import UNBOUNDED, Limits
from indexing.catalog.lines import bounded_lines, open_text, readable_as
from indexing.catalog.quoting import quoted
from shortlist.errors import CatalogError

_MOST_RECORDS, _MOST_CHARACTERS = 4096, 2**23
"""So much is read before it becomes columns."""

_HINT = "is it one object a line?"

Record = dict[str, Any]


@dataclass(frozen=True)
class JsonLinesFile:
    """A file with a JSON object on each line.

    A number is text, as it stands there, but with the table's `decimal` sign before its fraction:
    how numbers are written in texts is set for both.
    """

    path: Path
    encoding: str
    limits: Limits
    decimal: str = "."

    @cached_property
    def _decode(self) -> Callable[[str], Any]:
        return json.JSONDecoder(
            parse_int=str,
            parse_float=lambda written: written.replace(".", self.decimal),
            parse_constant=_no_number,
        ).decode

    def require(self, columns: Sequence[str]) -> None:
        """Nothing: a record may lack what others have. What none has comes as a column of null."""

    def names(self) -> list[str]:
        """The names of the first record's values, dotted in objects; none for an empty file."""
        first = next(self._records(), None)
        return [] if first is None else list(_names(first[2]))

    def places(self) -> Iterator[str]:
        """Where each record stands: "line 2"."""
        return (f"line {number}" for number, _ in self._lines(UNBOUNDED, errors="replace"))

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The named columns, some records at a time: text, or lists of it.

        `price.amount` is the amount in the object price, unless a value is called that itself. A
        column that no record of a batch has is null there. Raises CatalogError (file and line).
        """
        column_types: dict[str, pa.DataType] = {}
        for numbers, records in _some(self._records()):
            built = partial(_column, column_types=column_types, place=self._place(numbers))
            values = {name: [_at(record, name) for record in records] for name in columns}
            yield pa.RecordBatch.from_pydict({name: built(name, values[name]) for name in columns})

    def _place(self, numbers: Sequence[int]) -> Callable[[int, str], CatalogError]:
        return lambda row, said: CatalogError(f"{self.path}: line {numbers[row]}: {said}")

    def _records(self) -> Iterator[tuple[int, int, Record]]:
        for number, line in self._lines(self.limits, errors="strict"):
            yield number, len(line), self._record(number, line)

    def _record(self, number: int, line: str) -> Record:
        try:
            record = self._decode(line.rstrip())
        except json.JSONDecodeError as error:
            where = f"{error.msg} at column {error.colno}"
            raise CatalogError(f"{self.path}: line {number}: not JSON: {where}") from error
        except (ValueError, RecursionError) as error:
            said = str(error) if isinstance(error, ValueError) else "nested too deeply"
            raise CatalogError(f"{self.path}: line {number}: not JSON: {said}") from error
        if not isinstance(record, dict):
            raise CatalogError(f"{self.path}: line {number}: expected an object; {_HINT}")
        return record

    def _lines(self, limits: Limits, *, errors: str) -> Iterator[tuple[int, str]]:
        """Every line that is not blank, and its number."""
        with (
            readable_as(self.path, self.encoding),
            open_text(self.path, self.encoding, limits, errors=errors, newline="\n") as text,
        ):
            lines = enumerate(bounded_lines(self.path, text, limits, _HINT), 1)
            yield from ((number, line) for number, line in lines if not line.isspace())


def _no_number(written: str) -> None:
    raise ValueError(f"{written} is no number of JSON")


def _some(
    records: Iterator[tuple[int, int, Record]],
) -> Iterator[tuple[list[int], list[Record]]]:
    """Records with the numbers of their lines, as many as are held at a time."""
    numbers: list[int] = []
    held: list[Record] = []
    n_characters = 0
    for number, length, record in records:
        numbers.append(number)
        held.append(record)
        n_characters += length
        if len(held) == _MOST_RECORDS or n_characters >= _MOST_CHARACTERS:
            yield numbers, held
            numbers, held, n_characters = [], [], 0
    if held:
        yield numbers, held


def _names(record: Record, prefix: str = "") -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict) and len(prefix) + len(name) < MOST_DOTTED // 2:
            yield from _names(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


_ABSENT = object()


def _at(record: Record, name: str) -> Any:
    """The value of that name; else, by the longest names that there are, in the objects within."""
    if name in record:
        return record[name]
    for outer, rest in ways_into(name):
        inner = record.get(outer)
        found = _at(inner, rest) if isinstance(inner, dict) else _ABSENT
        if found is not _ABSENT:
            return found
    return _ABSENT


def _column(
    name: str,
    values: list[Any],
    *,
    column_types: dict[str, pa.DataType],
    place: Callable[[int, str], CatalogError],
) -> pa.Array:
    """One column of a batch; the first value in the file decides whether it is one of lists."""
    if all(value is _ABSENT for value in values):
        return pa.nulls(len(values))
    for row, value in enumerate(values):
        if value is None or value is _ABSENT:
            values[row] = None
            continue
        is_list = isinstance(value, list)
        wanted = column_types.setdefault(name, TEXTS if is_list else pa.large_string())
        if isinstance(value, dict) or is_list != (wanted == TEXTS):
            raise place(row, f"column {quoted(name)}: {_unlike(value)}")
        try:
            values[row] = _texts(value) if is_list else _text(value)
        except ValueError as error:
            raise place(row, f"column {quoted(name)}: {error}") from error
    return pa.array(values, column_types.get(name, pa.large_string()))


def _unlike(value: Any) -> str:
    if isinstance(value, dict):
        return "expected text, a number or a list, found an object; name one value in it (a.b)"
    if isinstance(value, list):
        return "found a list, expected none as in the records before"
    return f"found {quoted(value)}, expected a list as in the records before"


def _texts(values: list[Any]) -> list[str]:
    if any(isinstance(value, dict | list) for value in values):
        raise ValueError("expected a list of texts, found a list of lists or objects")
    return [_text(value) for value in values if value is not None]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if not text.isascii():
        text.encode()  # half of a pair of surrogates is no text; it says so
    return text
