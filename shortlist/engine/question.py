"""What a text asks for: what to look for, what must occur and what must not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shortlist.engine.conditions import MAX_PHRASES, Filters, Phrases
from shortlist.engine.lanes.title import names_title
from shortlist.engine.query import SearchQuery
from shortlist.engine.reading import Reading, read_filters, within, without
from shortlist.engine.snapshot import Snapshot

_QUOTED = re.compile(r'(?<!\S)(-?)["“„]([^"“”„]*)["”“]')
_EXCLUDED = re.compile(r"(?<!\S)-(?=\w)(\S+)")


@dataclass(frozen=True)
class Question:
    """A text without its signs: what is left to look for, and the phrases in them."""

    text: str
    required: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def within(self, filters: Filters) -> Filters:
        """The filters with what the text itself asks for by signs."""
        if not self.required and not self.excluded:
            return filters
        phrases = Phrases(
            all=(*filters.words.all, *self.required), none=(*filters.words.none, *self.excluded)
        )
        return Filters.model_construct(
            filters.model_fields_set | {"words"}, **{**dict(filters), "words": phrases}
        )


def read_question(text: str) -> Question:
    """`"a phrase"` must occur and is looked for, `-word` and `-"a phrase"` must not occur.

    A hyphen within a word excludes nothing. Signs beyond the first 16 of a kind are left as they
    are, and so is a pair of quotes with no letter or digit in it.
    """
    required: list[str] = []
    excluded: list[str] = []

    def quoted(match: re.Match[str]) -> str:
        sign, phrase = match.groups()
        kind = excluded if sign else required
        if len(kind) >= MAX_PHRASES or not any(map(str.isalnum, phrase)):
            return match[0]
        kind.append(phrase.strip())
        return " " if sign else f" {phrase} "

    def without(match: re.Match[str]) -> str:
        if len(excluded) >= MAX_PHRASES:
            return match[0]
        excluded.append(match[1])
        return " "

    left = _EXCLUDED.sub(without, _QUOTED.sub(quoted, text))
    if not required and not excluded:
        return Question(text)
    return Question(" ".join(left.split()), tuple(required), tuple(excluded))


def question(snapshot: Snapshot, text: str) -> Question:
    """What a text asks for; its signs mean nothing to a bundle without words."""
    return Question(text) if snapshot.bundle.sections.words is None else read_question(text)


def read_search(snapshot: Snapshot, query: SearchQuery) -> tuple[str, Filters, tuple[Reading, ...]]:
    """What a search looks for, within which filters, and which of these its text names."""
    asked = question(snapshot, query.q)
    filters = asked.within(query.filters)
    if query.reads == "off" or not asked.text.strip():
        return asked.text, filters, ()
    titles = snapshot.bundle.sections.titles
    read = read_filters(
        asked.text,
        snapshot.vocabulary,
        quoted=(*asked.required, *query.unread),
        is_title=lambda text: titles is not None and names_title(titles, text),
    )
    if query.reads == "suggest" or not read:
        return asked.text, filters, read
    filters, read = within(filters, read)
    return without(asked.text, read), filters, read
