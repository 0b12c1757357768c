"""Searches by somebody known, beside the same searches by anybody."""

from __future__ import annotations

from functools import partial

import numpy as np

from indexing.measure.systems import DEPTH, System, person_in
from indexing.measure.topic import Topic
from shortlist.bundle.arrays import RowArray
from shortlist.engine.person import Person
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ranked
from shortlist.engine.snapshot import Snapshot

BY_NOBODY, BY_USER = "search by anybody", "search by the user"


def searched_engines() -> list[System]:
    """A search without a user, and by one."""
    return [
        System(name, partial(_rank, known=known))
        for name, known in ((BY_NOBODY, False), (BY_USER, True))
    ]


def _rank(topic: Topic, snapshot: Snapshot, *, known: bool) -> RowArray:
    """The list for a topic's text, without what was seen: it is no answer to what comes next."""
    return rank_search(topic, snapshot, person_in(topic) if known else None)


def rank_search(topic: Topic, snapshot: Snapshot, person: Person | None) -> RowArray:
    """Up to 1,000 rows int64 for a topic's text, searched for by a person or by nobody known."""
    pool = ranked(snapshot, SearchQuery(q=topic.text), person=person)
    rows = pool.rows[pool.order]
    return rows[~np.isin(rows, topic.seen)][:DEPTH]
