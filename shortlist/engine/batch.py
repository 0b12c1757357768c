"""Several searches at once: texts of like length share an inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shortlist.bundle.arrays import Vectors
from shortlist.engine.answer import Answer
from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.query import SearchQuery
from shortlist.engine.question import read_search
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import QueryError


def ask_many(
    snapshot: Snapshot, queries: Sequence[SearchQuery], *, clock: StageClock | None = None
) -> list[Answer | QueryError]:
    """Each query's answer, or what is wrong with it.

    Texts of like length are encoded together, a few at a time, and answered before the next:
    when the time is up, those that were reached have their answers.
    """
    clock = clock or StageClock()
    places: dict[str, list[int]] = {}
    for place, query in enumerate(queries):
        text = "" if query.cursor is not None else read_search(snapshot, query)[0]
        places.setdefault(text if text.strip() else "", []).append(place)
    found: dict[int, Answer | QueryError] = {}
    for place in places.pop("", []):
        found[place] = _asked(snapshot, queries[place], clock, None)
    parts = snapshot.encoder.encode_in_parts(list(places))
    try:
        while (part := _next_part(parts, clock)) is not None:
            for text, vector in part.items():
                for place in places.pop(text):
                    found[place] = _asked(snapshot, queries[place], clock, vector)
    except QueryError as error:
        found |= dict.fromkeys((place for rest in places.values() for place in rest), error)
    return [found[place] for place in range(len(queries))]


def _next_part(parts: Iterator[dict[str, Vectors]], clock: StageClock) -> dict[str, Vectors] | None:
    clock.enter(Stage.ENCODE)
    return next(parts, None)


def _asked(
    snapshot: Snapshot, query: SearchQuery, clock: StageClock, vector: Vectors | None
) -> Answer | QueryError:
    try:
        return ask(snapshot, query, clock=clock, vector=vector)
    except QueryError as error:
        return error
