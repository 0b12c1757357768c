"""Texts to the words that a word index holds: folded, stemmed, compounds also written together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import Stemmer

from shortlist.bundle.folding import fold
from shortlist.bundle.stop_words import STOP_WORDS

NONE = "none"
LANGUAGES = (NONE, *sorted(Stemmer.algorithms()))
"""What words are stemmed by: Snowball's algorithms, or not at all."""

MOST_JOINED = 4
"""Parts of a compound that is also held as one word: "X-200" as x200, "A-1-2-3-4" only by parts."""

ELIDING = frozenset({"catalan", "french", "italian"})
"""Languages that write articles and the like together with the next word: "l'été", "dell'arte"."""

_APART = str.maketrans("'’ʼ`", "    ")
_MOST_KEPT, _LONGEST_KEPT = 20_000, 32
"""Words that an analyzer remembers: some 10 MB, whatever anybody asks."""


@dataclass(frozen=True)
class Word:
    """One word of a text, parted by blanks from others: what is written, its stems in order.

    `joined` is the stem of all parts together, "" for a word of one part or too many: "X-200" has
    the parts x and 200 and is x200 together.
    """

    written: str
    parts: tuple[str, ...]
    joined: str = ""

    @property
    def stems(self) -> tuple[str, ...]:
        """Everything that the word is found by."""
        return (*self.parts, self.joined) if self.joined else self.parts


class Analyzer:
    """Parts texts into words by the rules of one language; from many threads at once.

    Source of the stems: Porter, Snowball, by PyStemmer.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._elides = language in ELIDING
        self._stem = None if language == NONE else Stemmer.Stemmer(language).stemWord
        stop_words = STOP_WORDS.get(language, frozenset())
        self._stop_stems = frozenset(self.stem(word) for word in stop_words)
        self._known: dict[str, Word] = {}

    def words(self, text: str) -> list[Word]:
        """The words of a text, those without a letter or digit left out."""
        apart = text.translate(_APART) if self._elides else text
        found = (self._word(written) for written in apart.split())
        return [word for word in found if word.parts]

    def informs(self, stem: str) -> bool:
        """Whether a stem says what a text is about, as "of" and "the" do not."""
        return stem not in self._stop_stems

    def stem(self, word: str) -> str:
        """What a folded word is held as; one with a digit stays as it is."""
        if self._stem is None or any(char.isalnum() and not char.isalpha() for char in word):
            return word
        return str(self._stem(word))

    def _word(self, written: str) -> Word:
        """From what was met before, where that is not too much."""
        word = self._known.get(written)
        if word is None:
            parts = fold(written).split()
            joined = "".join(parts) if 1 < len(parts) <= MOST_JOINED else ""
            word = Word(written, tuple(map(self.stem, parts)), joined and self.stem(joined))
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            if len(written) <= _LONGEST_KEPT:
                self._known[written] = word
        return word


@cache
def analyzer(language: str) -> Analyzer:
    """The analyzer of one of LANGUAGES."""
    return Analyzer(language)


def code_of(stem: str) -> int:
    """64 bits that stand for a stem: among ten million, two are the same once in 400,000 times."""
    return int.from_bytes(hashlib.blake2b(stem.encode(), digest_size=8).digest(), "little")
