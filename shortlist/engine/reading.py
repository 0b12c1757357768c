"""Filters that a text asks for in words: years, limits of numbers, categories, what not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shortlist.engine.conditions import Categories, Filters, Phrases, Range
from shortlist.engine.reading_numbers import DECADE, FOLLOWS, YEAR, limits, years
from shortlist.engine.vocabulary import Vocabulary, Words, letters_of, words_of

_MOST_TOGETHER = 4
_NOT = re.compile(
    r"(?:without|no|not|non|minus|except|excluding|but not?)"
    r"(?: (?:a|an|any|the|in|about|too|much|set|with))* "
)


@dataclass(frozen=True)
class Reading:
    """A filter, the words that it was read from, by number, and whether it is applied."""

    filter: Filters
    words: str
    places: range
    applied: bool = False

    @property
    def label(self) -> str:
        """The filter in short: "year 1980–1989", "Comedy", "no Romance"."""
        categories, parts = self.filter.categories, []
        for name, own in self.filter.ranges.items():
            ends = ("" if one is None else f"{one:g}" for one in (own.min, own.max))
            parts.append(f"{name} {'–'.join(ends)}")
        left_out = (*categories.none, *self.filter.words.none)
        return ", ".join([*parts, *categories.all, *(f"no {one}" for one in left_out)])


def read_filters(
    text: str,
    vocabulary: Vocabulary,
    *,
    is_title: Callable[[str], bool],
    quoted: Sequence[str] = (),
) -> tuple[Reading, ...]:
    """The filters that a text names, in its order; none that overlap, none of what was `quoted`.

    Nothing is read from a text that is a title (`is_title` says so), and a lone year or category
    is what is looked for. A word is a category if it ends what is asked, or a word follows that
    says more of it; with another before it that makes a tag of both, it is a part of that tag.
    """
    words = words_of(text)
    found: list[Reading] = []
    candidates = list(_all(words, vocabulary)) if any(words.keys) else []
    if not candidates or is_title(text):
        return ()
    aside = set(_places_of(words, quoted))
    for reading in candidates:
        taken = aside | {place for one in found for place in one.places}
        alone = len(reading.places) == len(words.keys) == 1
        if not taken & set(reading.places) and not (alone and _is_plain(words, vocabulary)):
            found.append(reading)
    return tuple(sorted(found, key=lambda one: one.places.start))


def _places_of(words: Words, phrases: Sequence[str]) -> Iterator[int]:
    for phrase in phrases:
        own = words_of(phrase).keys
        for start in range(len(words.keys)):
            if words.keys[start : start + len(own)] == own:
                yield from range(start, start + len(own))


def _is_plain(words: Words, vocabulary: Vocabulary) -> bool:
    """One word that may as well be what is looked for: a year, a category."""
    key = words.keys[0]
    return bool(re.fullmatch(YEAR, key)) or vocabulary.category(key) is not None


def without(text: str, readings: Sequence[Reading]) -> str:
    """The text without the words that were read; as it is where nothing would be left."""
    taken = {place for one in readings if one.applied for place in one.places}
    left = [word for place, word in enumerate(text.split()) if place not in taken]
    return " ".join(left) if any(map(letters_of, left)) and taken else text


def within(filters: Filters, readings: Sequence[Reading]) -> tuple[Filters, tuple[Reading, ...]]:
    """The filters with what was read, and the readings with whether they are applied.

    What the filters say already of an attribute or a category stays.
    """
    told: list[Reading] = []
    for one in readings:
        merged = _merged(filters, one.filter)
        told.append(replace(one, applied=merged is not None))
        filters = merged or filters
    return filters, tuple(told)


def _merged(filters: Filters, more: Filters) -> Filters | None:
    """Both together; None where the first speak of the same thing."""
    (own, new), words = (filters.categories, more.categories), filters.words
    named = {*own.any, *own.all, *own.none}
    if named & {*new.all, *new.none} or filters.ranges.keys() & more.ranges.keys():
        return None
    changed: dict[str, Any] = {
        "categories": Categories(
            any=own.any, all=(*own.all, *new.all), none=(*own.none, *new.none)
        ),
        "words": Phrases(all=words.all, none=(*words.none, *more.words.none)),
        "ranges": {**filters.ranges, **more.ranges},
    }
    return Filters.model_construct(
        filters.model_fields_set | changed.keys(), **{**dict(filters), **changed}
    )


def _all(words: Words, vocabulary: Vocabulary) -> Iterator[Reading]:
    """What may be read, the surest first."""
    numbers = vocabulary.numbers
    others = [name for name, own in numbers.items() if own.reads.kind != "year"]
    for name, own in numbers.items():
        found = (
            limits(words, own, alone=len(others) == 1)
            if name in others
            else years(words, vocabulary, own)
        )
        for places, low, high in found:
            limit = Range(min=low, max=high)
            yield Reading(Filters(ranges={name: limit}), words.said(places), places)
    yield from _negated(words, vocabulary)
    yield from _categories(words, vocabulary)


def _negated(words: Words, vocabulary: Vocabulary) -> Iterator[Reading]:
    """Categories, and tags that items carry, behind a word that says not."""
    for match in _NOT.finditer(words.line):
        if match.start() and words.line[match.start() - 1] != " ":
            continue
        start = words.line.count(" ", 0, match.end())
        for length in range(_MOST_TOGETHER, 0, -1):
            inside = words.keys[start : start + length]
            places = range(words.line.count(" ", 0, match.start()), start + length)
            name = vocabulary.category("".join(inside))
            if len(inside) < length or not (name or "".join(inside) in vocabulary.tags):
                continue
            said = words.said(range(start, start + length)).strip("()[],.;:!?'\"’‘")
            if name:
                filters = Filters(categories=Categories(none=(name,)))
            else:
                filters = Filters(words=Phrases(none=(said,)))
            yield Reading(filters, words.said(places), places)
            break


def _categories(words: Words, vocabulary: Vocabulary) -> Iterator[Reading]:
    """Categories that say what is asked for."""
    keys = words.keys
    for start in range(len(keys)):
        for length in range(_MOST_TOGETHER, 0, -1):
            inside = keys[start : start + length]
            name = vocabulary.category("".join(inside))
            places = range(start, start + length)
            if len(inside) < length or name is None:
                continue
            if _says_what(words, places, vocabulary) and not _of_a_tag(words, places, vocabulary):
                filters = Filters(categories=Categories(all=(name,)))
                yield Reading(filters, words.said(places), places)
            break


def _says_what(words: Words, places: range, vocabulary: Vocabulary) -> bool:
    behind = words.keys[places.stop : places.stop + 3]
    if not behind or re.match(rf"of {DECADE}$", " ".join(behind)):
        return True
    if vocabulary.category(behind[0]) or re.fullmatch(rf"{DECADE}|{YEAR}", behind[0]):
        return True
    if behind[0] in {"and", "or"}:
        return len(behind) > 1 and vocabulary.category(behind[1]) is not None
    singular = "".join(words.keys[places.start : places.stop]) in vocabulary.categories
    return FOLLOWS.fullmatch(behind[0]) is not None and (singular or behind[0] != "in")


def _of_a_tag(words: Words, places: range, vocabulary: Vocabulary) -> bool:
    """Whether a tag of several words stands here of which the category is a part."""
    return any(
        "".join(words.keys[begin:end]) in vocabulary.tags
        for begin in range(max(0, places.start - 2), places.start + 1)
        for end in range(places.stop, min(len(words.keys), places.stop + 2) + 1)
        if end - begin > len(places)
    )
