"""What a query looks for, whatever kind it is: vector, text, taste, and what is left out."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from shortlist.bundle.arrays import Vectors
from shortlist.bundle.tables import ItemId
from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.lanes.neighbour import Taste
from shortlist.engine.person import Person, prior_of, taste_of
from shortlist.engine.query import (
    Asked,
    PopularQuery,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
)
from shortlist.engine.question import question, read_search
from shortlist.engine.row_sets import distinct, stand_in
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.taste import read_taste, taste_vector
from shortlist.errors import InvalidParameter, ItemUnknown


def wanted_of(
    snapshot: Snapshot,
    query: Asked,
    vector: Vectors | None,
    clock: StageClock,
    person: Person | None,
) -> dict[str, Any]:
    """What a query looks for, as `make_plan` takes it; a text is encoded unless it was before.

    That of a search only when its vector is needed, so that other lanes begin meanwhile.
    `person` is who asks, where somebody does: their taste is a prior of a search.
    """
    match query:
        case PopularQuery():
            return {"vector": None}
        case SimilarQuery(item_id=item_id):
            row = np.array([known_row(snapshot, item_id)], dtype=np.int64)
            return {
                "vector": np.asarray(snapshot.bundle.vectors[row[0]]),
                "like": int(row[0]),
                "left_out": row,
                "taste": Taste.of(int(row[0])),
                "preferred": snapshot.bundle.manifest.similar_profile,
            }
        case RecommendQuery():
            return _wanted_for_taste(snapshot, query, vector, clock, person)
    assert isinstance(query, SearchQuery)
    asked, filters, read = read_search(snapshot, query)
    if asked.strip():
        encode = partial(_encoded, snapshot, asked, None, clock) if vector is None else None
        found = {
            "vector": vector,
            "encode": encode,
            "text": asked,
            "filters": filters,
            "read": read,
        }
        taste = taste_of(snapshot.bundle, person)
        own = {} if taste is None else {"taste": taste, "prior": prior_of(snapshot.bundle)}
        return {**found, **own}
    if not filters:
        raise InvalidParameter("q", "expected a text, found none or only blanks")
    return {"vector": None, "filters": filters}


def _wanted_for_taste(
    snapshot: Snapshot,
    query: RecommendQuery,
    vector: Vectors | None,
    clock: StageClock,
    person: Person | None,
) -> dict[str, Any]:
    own = taste_of(snapshot.bundle, person)
    taste = read_taste(snapshot.bundle, query) if own is None else own
    asked = question(snapshot, query.text)
    text = None
    if asked.text.strip():
        text = _encoded(snapshot, asked.text, vector, clock)
    if text is not None or vector is None:
        vector = taste_vector(snapshot.bundle, taste, text)
    return {
        "vector": vector,
        "text": asked.text,
        "text_vector": text,
        "filters": asked.within(query.filters),
        "taste": taste,
        "left_out": distinct(taste.rows if person is None or own is None else person.rows),
        "preferred": _preferred(snapshot, taste, text),
    }


def _preferred(snapshot: Snapshot, taste: Taste, text: Vectors | None) -> str | None:
    """The profile of a taste, or of one with a text; without anything liked, that of searches."""
    manifest = snapshot.bundle.manifest
    if not taste.n_liked:
        return None
    of_text = None if text is None else manifest.steered_profile
    return of_text or manifest.recommend_profile


def _encoded(snapshot: Snapshot, text: str, known: Vectors | None, clock: StageClock) -> Vectors:
    if known is not None:
        return known
    clock.enter(Stage.ENCODE)
    vector = snapshot.encoder.encode(text)
    clock.enter(Stage.RETRIEVE)
    return vector


def known_row(snapshot: Snapshot, item_id: ItemId) -> int:
    """The row of an item. Raises ItemUnknown, also for a blocked one."""
    row = snapshot.bundle.ids.row_of(item_id)
    if row is None or bool(stand_in(np.array([row]), snapshot.blocked_rows)[0]):
        raise ItemUnknown(f"no item has the id {item_id!r}")
    return row
