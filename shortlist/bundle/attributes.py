"""Attributes: what each type of them looks like in a bundle, and how it is read from there."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import (
    TEXT,
    Csr,
    FloatArray,
    RowArray,
    known_of,
    truths_of,
    values_of,
)

Mask = npt.NDArray[np.bool_]
Shown = int | float | str | bool | list[str] | dict[str, float] | None
"""An attribute's value as an answer shows it."""


class Kind(StrEnum):
    """The types of attributes."""

    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"
    TIME = "time"
    STRINGS = "strings"
    POINT = "point"


CODED = pa.dictionary(pa.int32(), pa.large_string())
TIMES = pa.struct([("at", pa.int64()), ("form", pa.int16())])
LISTED = pa.large_list(CODED)
POINTS = pa.struct([("lat", pa.float64()), ("lon", pa.float64())])

KINDS: dict[pa.DataType, Kind] = {
    pa.int64(): Kind.INTEGER,
    pa.float64(): Kind.NUMBER,
    CODED: Kind.STRING,
    **dict.fromkeys(TEXT, Kind.STRING),
    pa.bool_(): Kind.BOOLEAN,
    TIMES: Kind.TIME,
    LISTED: Kind.STRINGS,
    POINTS: Kind.POINT,
}
"""Texts were not coded before format 5."""

NUMERIC = (Kind.INTEGER, Kind.NUMBER)
ORDERED = (*NUMERIC, Kind.TIME)
"""What has a range: numbers, and times as microseconds."""

NAMED = (Kind.STRING, Kind.STRINGS, Kind.BOOLEAN)
"""What has values that are told apart by name."""

TIME_TEXT = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
"""A date or a time in ISO 8601, as a regular expression; without a zone it is UTC."""

DATE, NAIVE = 30_000, 30_001
"""Forms of a time that is a date, and of one that names no zone; others are minutes east of UTC."""

_FORMS = (-1440, 1440)
DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Microseconds from 1970 to the first and the last moment that has a year of four digits."""


def kind_of(column: pa.Array) -> Kind:
    """The type of an attribute by its column."""
    return KINDS[column.type]


def problem_of(column: pa.Array) -> str | None:
    """What a column of an attribute must not hold but does, None for a sound one."""
    kind = KINDS.get(column.type)
    if kind is None:
        return f"expected one of {', '.join(map(str, KINDS))}, found {column.type}"
    is_sound, expected = _SOUND.get(kind, (None, ""))
    return None if is_sound is None or is_sound(column) else f"expected {expected}"


def _finite(column: pa.Array) -> bool:
    return bool(np.isfinite(values_of(column)[known_of(column)]).all())


def _named(column: pa.Array) -> bool:
    lists = column.values if column.type == LISTED else column
    nulls = lists.null_count if column.type == LISTED else 0
    if nulls or lists.type != CODED:
        return not nulls
    names = lists.dictionary
    risen = pa.compute.less(names[:-1], names[1:])
    return not names.null_count and bool(pa.compute.all(risen, min_count=0).as_py())


def _sound_times(column: pa.Array) -> bool:
    if _has_halves(column):
        return False
    at, forms = (values_of(column.field(place))[known_of(column)] for place in (0, 1))
    zones = (forms >= _FORMS[0]) & (forms <= _FORMS[1])
    shifted = at + np.where(zones, forms, 0).astype(np.int64) * 60_000_000
    inside = (at >= FIRST) & (at <= LAST) & (shifted >= FIRST) & (shifted <= LAST)
    return bool((inside & (zones | (forms == DATE) | (forms == NAIVE))).all())


def _sound_points(column: pa.Array) -> bool:
    if _has_halves(column):
        return False
    lat, lon = (degrees[known_of(column)] for degrees in points_of(column))
    return bool(np.all(np.abs(lat) <= 90) and np.all(np.abs(lon) <= 180))


def _has_halves(column: pa.Array) -> bool:
    """Whether a pair lacks one of the two."""
    return bool(column.field(0).null_count or column.field(1).null_count)


_SOUND: dict[Kind, tuple[Callable[[pa.Array], bool], str]] = {
    Kind.NUMBER: (_finite, "finite numbers"),
    Kind.STRING: (_named, "texts that rise, none of them missing"),
    Kind.STRINGS: (_named, "lists of texts that rise, none of them missing"),
    Kind.TIME: (_sound_times, "times from year 1 to 9999 and their forms"),
    Kind.POINT: (_sound_points, "latitudes of -90 to 90 and longitudes of -180 to 180"),
}


def shown(column: pa.Array, row: int) -> Shown:
    """The value of one row as an answer shows it: times as they were given."""
    found: Shown = column[row].as_py()
    if isinstance(found, dict) and "at" in found:
        return written(int(found["at"]), int(found["form"]))
    return found


def written(at: int, form: int) -> str:
    """A time (microseconds from 1970, UTC) in ISO 8601, in the form that it was given in."""
    moment = _EPOCH + timedelta(microseconds=at)
    if form == DATE:
        return moment.date().isoformat()
    if form == NAIVE:
        return moment.replace(tzinfo=None).isoformat()
    if form == 0:
        return moment.replace(tzinfo=None).isoformat() + "Z"
    return moment.astimezone(timezone(timedelta(minutes=form))).isoformat()


def moment_of(text: str) -> tuple[int, int]:
    """The first and the last microsecond (from 1970, UTC) of a date or a time in ISO 8601.

    Without a zone it is UTC. Raises ValueError for anything else.
    """
    at, form = time_of(text)
    return at, at + DAY_US - 1 if form == DATE else at


def time_of(text: str) -> tuple[int, int]:
    """A date or a time in ISO 8601 as microseconds from 1970, UTC, and its form.

    Without a zone it is UTC. Raises ValueError for anything else.
    """
    if not re.fullmatch(TIME_TEXT, text, re.ASCII):
        raise ValueError(f"expected a date or a time in ISO 8601, found {text[:40]!r}")
    found = datetime.fromisoformat(text)
    offset = found.utcoffset()
    at = (found.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    if len(text) == len("2024-05-01"):
        return at, DATE
    if offset is None:
        return at, NAIVE
    east = int(offset.total_seconds()) // 60
    at -= east * 60_000_000
    if not FIRST <= at <= LAST:
        raise ValueError(f"expected a time from year 1 to 9999, found {text!r}")
    return at, east


def ordered_of(column: pa.Array, rows: RowArray | None = None) -> tuple[npt.NDArray[Any], Mask]:
    """A column of integers, numbers or times: int64 or float64 [n], and where there is one, [n].

    Or [m] at these rows (int64 [m]). Integers stay integers: as float64 those from 2^53 on would
    run together.
    """
    numbers = values_of(column.field(0) if kind_of(column) is Kind.TIME else column)
    return numbers if rows is None else numbers[rows], known_of(column, rows)


def named_of(column: pa.Array) -> tuple[Csr, pa.Array]:
    """A column of texts, lists of them or truths, as lists of codes, and the texts of the codes.

    A bundle whose texts are not coded is read in full.
    """
    kind = kind_of(column)
    if kind is Kind.STRINGS:
        lists = column.values
        first = column.offset
        offsets = np.frombuffer(column.buffers()[1], np.int64)[first : first + len(column) + 1]
        return Csr(offsets, values_of(lists.indices)), lists.dictionary
    codes, names = codes_of(column)
    known = codes >= 0
    offsets = np.concatenate([[0], np.cumsum(known)])
    return Csr(offsets, codes[known]), names


def codes_of(
    column: pa.Array, rows: RowArray | None = None
) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """A column of texts or truths as codes int32 [n], -1 for none, and the texts of these.

    Or int32 [m] at these rows (int64 [m]).
    """
    if kind_of(column) is Kind.BOOLEAN:
        truths, known = truths_of(column)
        found = np.where(known, truths, -1).astype(np.int32)
        return found if rows is None else found[rows], pa.array(["false", "true"])
    coded = column if column.type == CODED else column.dictionary_encode()
    codes = values_of(coded.indices)
    codes = codes if rows is None else codes[rows]
    if coded.indices.null_count:
        codes = np.where(known_of(coded.indices, rows), codes, np.int32(-1))
    return codes, coded.dictionary


def code_of(names: pa.Array, text: str, *, rising: bool) -> int | None:
    """The place of a text among the names of codes, None where it is none of them.

    Names that are `rising`, as a build writes them, are looked up; others are searched in full.
    """
    if not rising:
        found: int = pa.compute.index(names, pa.scalar(text, names.type)).as_py()
        return None if found < 0 else found
    wanted = text.encode(errors="surrogatepass")
    place = bisect_left(
        range(len(names)), wanted, key=lambda at: names[at].as_buffer().to_pybytes()
    )
    return place if place < len(names) and names[place].as_py() == text else None


def points_of(column: pa.Array) -> tuple[FloatArray, FloatArray]:
    """Latitudes and longitudes in degrees, float64 [n] each; anything where there is none."""
    return values_of(column.field(0)), values_of(column.field(1))
