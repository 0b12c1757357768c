"""What a catalogue can check of a text: numbers, categories, tags; and texts as words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from shortlist.bundle.attributes import ordered_of
from shortlist.bundle.folding import fold
from shortlist.bundle.reader import Bundle
from shortlist.bundle.wording import Reads
from shortlist.engine.attribute_filters import numeric_attributes

LEAST_CARRIED = 3
"""Items that a tag has at least for its being left out to be read."""

_NUMBER = re.compile(r"([$€£]?)(\d{1,9}(?:[.,]\d+)*)([$€£]?)")
_SPAN = re.compile(r"(\d{4})[-–](\d{4})")


@dataclass(frozen=True)
class Numbers:
    """An attribute that texts are read for: how it is spoken of, its least and largest value.

    `whole` says that its values are integers.
    """

    reads: Reads
    least: float
    largest: float
    whole: bool


@dataclass(frozen=True)
class Vocabulary:
    """What a catalogue can check.

    `numbers` are the attributes that texts are read for; `categories` are by their letters, `tags`
    are the letters of those that items carry.
    """

    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()

    def category(self, letters: str) -> str | None:
        """The category of these letters, or the one that they are the plural of."""
        singular = (letters, letters.removesuffix("s"), letters.removesuffix("ies") + "y")
        return next((self.categories[one] for one in singular if one in self.categories), None)


@dataclass(frozen=True)
class Words:
    """The words of a text as written, and as they are read."""

    written: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def line(self) -> str:
        """The words as they are read, one blank apart."""
        return " ".join(self.keys)

    def places(self, match: re.Match[str]) -> range:
        """The numbers of the words that a match in the line covers."""
        blanks = len(match[0]) - len(match[0].lstrip())
        first = match.string.count(" ", 0, match.start() + blanks)
        inside = match[0].strip().count(" ")
        return range(first, first + inside + 1)

    def before(self, places: range) -> str:
        """What stands in front of these, as it is read."""
        return " ".join(self.keys[: places.start])

    def said(self, places: range) -> str:
        """These words as they were written."""
        return " ".join(self.written[places.start : places.stop])


def unit_of(text: str) -> str:
    """A unit of numbers as it is compared: its letters, or the sign that it is."""
    return letters_of(text) or text.strip()


def letters_of(text: str) -> str:
    """A text as it is compared here: its letters and digits, folded."""
    return fold(text).replace(" ", "")


def words_of(text: str) -> Words:
    """The words of a text, parted at blanks."""
    written = tuple(text.split())
    return Words(written, tuple(map(_key, written)))


def _key(written: str) -> str:
    """Letters and digits; a number as such, currency behind it; two years and what joins them."""
    bare = written.strip("()[],.;:!?'\"’‘")
    if span := _SPAN.fullmatch(bare):
        return f"{span[1]}-{span[2]}"
    if number := _NUMBER.fullmatch(bare):
        return re.sub(r",(?=\d{3})", "", number[2]) + (number[1] or number[3])
    return unit_of(written)


def vocabulary_of(bundle: Bundle) -> Vocabulary:
    """What this bundle's catalogue can check; nothing of attributes without a value."""
    sections, names = bundle.sections, bundle.items.categories.names
    labels = () if sections.suggestions is None else sections.suggestions.labels
    tags = (label for label in labels if label.kind == "tag" and label.count >= LEAST_CARRIED)
    numbers = {
        name: found
        for name, reads in bundle.manifest.reads.items()
        if name in numeric_attributes(bundle)
        and (found := _numbers(bundle, name, reads)) is not None
    }
    return Vocabulary(
        numbers=numbers,
        categories={letters_of(name): name for name in names},
        tags=frozenset(letters_of(tag.shown) for tag in tags),
    )


def _numbers(bundle: Bundle, name: str, reads: Reads) -> Numbers | None:
    values, known = ordered_of(bundle.items.attributes[name])
    own = values[known]
    own = own[np.isfinite(own)]
    if not len(own):
        return None
    return Numbers(reads, float(own.min()), float(own.max()), whole=own.dtype.kind == "i")
