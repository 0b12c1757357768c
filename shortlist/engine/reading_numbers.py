"""Years and limits that a text names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from shortlist.bundle.wording import Reads
from shortlist.engine.vocabulary import Numbers, Vocabulary, Words, unit_of

FOLLOWS = re.compile(
    "with|about|without|from|set|for|but|no|not|before|after|since|until|till|between|under|over"
    "|starring|by|where|who|that|films?|movies?|in|up|below|above|more|less|fewer|cheaper|longer"
)
"""Words behind what is asked for that say more of it."""

_THINGS = "(?:films?|movies?|books?|albums?|songs?|releases?|editions?|models?)"
_DECADES = {
    "twenties": 20, "thirties": 30, "forties": 40, "fifties": 50,
    "sixties": 60, "seventies": 70, "eighties": 80, "nineties": 90,
}  # fmt: skip
DECADE = rf"(?:the )?((?:1[5-9]|20)?\d0s|{'|'.join(_DECADES)})"
YEAR = r"((?:1[5-9]|20)\d\d)"
_BEFORE = "before|until|till|up to|prior to|older than|earlier than"
_AFTER = "after|since|newer than|later than"
_LESS = "under|below|less than|fewer than|shorter than|cheaper than"
_AT_MOST = "at most|up to|no more than|not more than|maximum|max"
_MORE = "over|above|more than|longer than"
_AT_LEAST = "at least|no less than|not less than|minimum|min"
_LIMITS = (
    (_LESS, True, True),
    (_AT_MOST, True, False),
    (_MORE, False, True),
    (_AT_LEAST, False, False),
)

Found = tuple[range, float | None, float | None]


def years(words: Words, vocabulary: Vocabulary, own: Numbers) -> Iterator[Found]:
    """Decades, spans and years within the catalogue's; none of those in which a story plays."""
    for found in _years(words, vocabulary, own.least, own.largest):
        if not re.search(r"(?:set|place)(?: in| during)?(?: the)?$", words.before(found[0])):
            yield found


def _years(words: Words, vocabulary: Vocabulary, least: float, largest: float) -> Iterator[Found]:
    line = words.line
    for match in re.finditer(
        rf"\b(?:(?:between|from) )?{YEAR}(?:-| (?:and|to|till|until) ){YEAR}\b", line
    ):
        if int(match[1]) <= int(match[2]):
            yield words.places(match), int(match[1]), int(match[2])
    for which, pattern in (("before", _BEFORE), ("after", _AFTER)):
        for match in re.finditer(rf"\b({pattern}) (?:{YEAR}|{DECADE})\b", line):
            first, last = _moment(match[2], match[3], least, largest)
            inclusive = match[1] in {"until", "till", "up to", "since"}
            if which == "before" and first > least:
                yield words.places(match), None, last if inclusive else first - 1
            elif which == "after" and last < largest:
                yield words.places(match), first if inclusive else last + 1, None
    for match in re.finditer(rf"\b(?:from|in|of|during)? ?{DECADE}( on| onwards)?\b", line):
        first, last = _moment(None, match[1], least, largest)
        if first <= largest and last >= least:
            yield words.places(match), first, None if match[2] else last
    for match in re.finditer(rf"\b(from |(?:released|made) in )?{YEAR}( on| onwards)?\b", line):
        year, places = int(match[2]), words.places(match)
        if least <= year <= largest and (match[1] or _dates(words, places, vocabulary)):
            yield places, year, None if match[3] else year


def _moment(year: str | None, decade: str | None, least: float, largest: float) -> tuple[int, int]:
    """The first and the last year of a year or a decade; of "80s" that of the catalogue's."""
    if year:
        return int(year), int(year)
    assert decade is not None
    digits = decade.removesuffix("s")
    if len(digits) == 4:
        return int(digits), int(digits) + 9
    tens = _DECADES.get(decade, int(digits) if digits.isdigit() else 0)
    starts = [century + tens for century in ((2000, 1900) if tens < 20 else (1900, 2000))]
    fitting = [start for start in starts if start <= largest and start + 9 >= least]
    return (fitting or starts)[0], (fitting or starts)[0] + 9


def _dates(words: Words, places: range, vocabulary: Vocabulary) -> bool:
    """Whether a year stands where one dates what is asked: behind or before what it is."""
    before = words.keys[places.start - 1] if places.start else ""
    behind = words.keys[places.stop] if places.stop < len(words.keys) else ""
    things = [one for one in (before, behind) if re.fullmatch(_THINGS, one)]
    if things or vocabulary.category(before) or vocabulary.category(behind):
        return True
    return re.search(rf"\b{_THINGS} (?:of|in)$", words.before(places)) is not None


def limits(words: Words, own: Numbers, *, alone: bool) -> Iterator[Found]:
    """Limits of an attribute that is a number, or minutes; `alone` if there is no other."""
    whole = own.whole
    for pattern, is_most, is_strict in _LIMITS:
        limit = rf"\b(?:{pattern}) (\d+(?:\.\d+)?|an?)([$€£]?)(?= |$)(.*)"
        for match in re.finditer(limit, words.line):
            value, n_units = _value(match[1], match[2], match[3].split(), own.reads, alone=alone)
            if value is None or not own.least <= value <= own.largest:
                continue
            end = words.line.count(" ", 0, match.end(1)) + n_units
            places = range(words.line.count(" ", 0, match.start()), end + 1)
            if is_strict:
                away = -1 if is_most else 1
                value = value + away if whole else math.nextafter(value, away * math.inf)
            end_value = int(value) if whole and value == int(value) else value
            yield (places, None, end_value) if is_most else (places, end_value, None)


_HOURS, _MINUTES = {"hour", "hours", "hr", "hrs", "h"}, {"minute", "minutes", "min", "mins"}


def _value(
    said: str, sign: str, behind: Sequence[str], reads: Reads, *, alone: bool
) -> tuple[float | None, int]:
    """The number that is meant, and how many words behind it say of what; None for another's."""
    unit = behind[0] if behind else ""
    if reads.kind == "minutes" and unit in _HOURS:
        number = 1.0 if said in {"a", "an"} else float(said)
        if behind[1:4] == ["and", "a", "half"]:
            return 60 * number + 30, 4
        return 60 * number, 1
    if said in {"a", "an"}:
        return None, 0
    units = _MINUTES if reads.kind == "minutes" else {unit_of(one) for one in reads.units}
    if sign or unit in units:
        return (float(said), 0 if sign else 1) if (sign or unit) in units else (None, 0)
    return (float(said), 0) if alone and (not unit or FOLLOWS.fullmatch(unit)) else (None, 0)
