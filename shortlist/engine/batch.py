"""Several searches at once: texts of like length share an inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shortlist.bundle.arrays import Vectors
from shortlist.engine.answer import Answer
from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.person import Person
from shortlist.engine.query import SearchQuery
from shortlist.engine.question import read_search
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import QueryError


def ask_many(
    snapshot: Snapshot,
    queries: Sequence[SearchQuery],
    *,
    clock: StageClock | None = None,
    persons: Sequence[Person | None] | None = None,
) -> list[Answer | QueryError]:
    """Each query's answer, or what is wrong with it; `persons` are who asks each, see `ask`.

    Texts of like length are encoded together, a few at a time, and answered before the next:
    when the time is up, those that were reached have their answers.
    """
    clock = clock or StageClock()
    asking = persons or [None] * len(queries)

    def answered(place: int, vector: Vectors | None) -> Answer | QueryError:
        try:
            person = asking[place]
            return ask(snapshot, queries[place], clock=clock, vector=vector, person=person)
        except QueryError as error:
            return error

    places: dict[str, list[int]] = {}
    for place, query in enumerate(queries):
        text = "" if query.cursor is not None else read_search(snapshot, query)[0]
        places.setdefault(text if text.strip() else "", []).append(place)
    found: dict[int, Answer | QueryError] = {}
    for place in places.pop("", []):
        found[place] = answered(place, None)
    parts = snapshot.encoder.encode_in_parts(list(places))
    try:
        while (part := _next_part(parts, clock)) is not None:
            for text, vector in part.items():
                for place in places.pop(text):
                    found[place] = answered(place, vector)
    except QueryError as error:
        found |= dict.fromkeys((place for rest in places.values() for place in rest), error)
    return [found[place] for place in range(len(queries))]


def _next_part(parts: Iterator[dict[str, Vectors]], clock: StageClock) -> dict[str, Vectors] | None:
    clock.enter(Stage.ENCODE)
    return next(parts, None)
