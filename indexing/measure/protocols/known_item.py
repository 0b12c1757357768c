"""Known item: a person types a title they have in mind, more or less as it is spelled."""

from __future__ import annotations

import random
import string
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from indexing.measure.topic import SEED, Protocol, Topic, is_held_out
from indexing.titles import main_title
from shortlist.bundle.folding import fold

NAME = "known item"
DEPTH = 100
MAX_ITEMS = 1000


def known_item(titles: Sequence[str], ids: Sequence[object]) -> Protocol:
    """Topics from up to 1,000 items, drawn by a fixed seed, each spelled in nine ways.

    A way that does not change a title, or that the title is too short for, gives no topic.
    Items whose titles read the same answer each other's queries: nothing typed could tell them
    apart. Raises nothing; a catalogue without titles gives a protocol that is skipped.
    """
    mains = [main_title(title) for title in titles]
    same: dict[str, list[int]] = defaultdict(list)
    for row, main in enumerate(mains):
        same[fold(main)].append(row)
    rng = random.Random(SEED)  # noqa: S311  # a repeatable draw, no secret
    usable = [row for row, main in enumerate(mains) if fold(main)]
    if not usable:
        return Protocol(NAME, skipped="no item has a title with letters or digits")
    drawn = rng.sample(usable, min(MAX_ITEMS, len(usable)))
    accented = [row for row in usable if without_diacritics(mains[row]) != mains[row]]
    drawn_for = {"no diacritics": rng.sample(accented, min(MAX_ITEMS, len(accented)))}
    topics = [
        Topic(
            id=f"{kind}:{ids[row]}",
            text=text,
            relevant=np.array(same[fold(mains[row])], dtype=np.int64),
            kind=kind,
            held_out=is_held_out("item", str(ids[row])),
        )
        for kind, spell in SPELLINGS.items()
        for row in drawn_for.get(kind, drawn)
        if (text := spell(mains[row], rng)) is not None
    ]
    return Protocol(NAME, tuple(topics), depth=DEPTH)


def without_diacritics(text: str) -> str:
    """The text without combining marks."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def swap(text: str, rng: random.Random) -> str | None:
    """Two neighbouring different letters in the other order."""
    places = [
        place
        for place in range(len(text) - 1)
        if text[place : place + 2].isalpha() and text[place].lower() != text[place + 1].lower()
    ]
    if not places:
        return None
    place = rng.choice(places)
    return f"{text[:place]}{text[place + 1]}{text[place]}{text[place + 2 :]}"


def drop(text: str, rng: random.Random) -> str | None:
    """One letter left out; something is left."""
    place = _letter(text, rng)
    return None if place is None or len(text) < 2 else text[:place] + text[place + 1 :]


def double(text: str, rng: random.Random) -> str | None:
    """One letter typed twice."""
    place = _letter(text, rng)
    return None if place is None else text[:place] + text[place] + text[place:]


def replace(text: str, rng: random.Random) -> str | None:
    """One letter mistaken for another."""
    place = _letter(text, rng)
    if place is None:
        return None
    others = [letter for letter in string.ascii_lowercase if letter != text[place].lower()]
    return text[:place] + rng.choice(others) + text[place + 1 :]


def missing_word(text: str, rng: random.Random) -> str | None:
    """One word of at least three left out."""
    words = text.split()
    if len(words) < 3:
        return None
    place = rng.randrange(len(words))
    return " ".join(words[:place] + words[place + 1 :])


def prefix(text: str, _: random.Random) -> str | None:
    """The first 70 % of the letters, at least four, and not all."""
    n_typed = max(4, int(len(text) * 0.7))
    return text[:n_typed].strip() if n_typed < len(text) else None


def _letter(text: str, rng: random.Random) -> int | None:
    places = [place for place, char in enumerate(text) if char.isalpha()]
    return rng.choice(places) if places else None


TYPOS = ("swap", "drop", "double", "replace")
SPELLINGS: dict[str, Callable[[str, random.Random], str | None]] = {
    "exact": lambda text, _: text,
    "lower case": lambda text, _: text.lower() if text.lower() != text else None,
    "no diacritics": lambda text, _: without_diacritics(text),
    "swap": swap,
    "drop": drop,
    "double": double,
    "replace": replace,
    "missing word": missing_word,
    "prefix": prefix,
}
