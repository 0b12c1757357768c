"""The lanes beside semantic retrieval: what each brings into the pool, and what it says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from shortlist.bundle.arrays import RowArray
from shortlist.engine.features import TEXT_SIMILARITY, Matches
from shortlist.engine.lanes.asked import AskedWords
from shortlist.engine.lanes.neighbour import Collaboration, collaborate, strongest
from shortlist.engine.lanes.title import TITLE_FEATURES, match_titles
from shortlist.engine.lanes.words import find_words, rows_saying_all
from shortlist.engine.plan import Plan
from shortlist.engine.retrieving import mask_of, retrieve, within
from shortlist.engine.row_sets import distinct, stand_in
from shortlist.engine.snapshot import Snapshot

SEMANTIC, TEXT, WORDS, TITLE = "semantic", "text", "words", "title"
NEIGHBOURS, POPULAR, MATCHES = "neighbours", "popular", "matches"


@dataclass(frozen=True)
class Brought:
    """The rows in scope (int64) by the lane that brought them, and what lanes say of items."""

    lanes: Mapping[str, RowArray] = field(default_factory=dict)
    matches: Mapping[str, Matches] = field(default_factory=dict)
    collaboration: Collaboration | None = None

    def beside(self, rows: RowArray) -> RowArray:
        """What is brought beside these rows, int64, rising, each once."""
        found = [of_lane for of_lane in self.lanes.values() if len(of_lane)]
        return _besides(np.concatenate(found), rows) if found else np.empty(0, np.int64)


def ask_other_lanes(snapshot: Snapshot, plan: Plan, asked: AskedWords | None) -> Brought:
    """What each lane that the plan asks brings beside semantic retrieval."""
    sections = snapshot.bundle.sections
    lanes: dict[str, RowArray] = {}
    matches: dict[str, Matches] = {}
    collaboration = None
    if plan.text_vector is not None and plan.weights.get(TEXT_SIMILARITY):
        lanes[TEXT] = retrieve(snapshot, plan.text_vector, plan).rows
    if sections.words is not None and asked is not None and plan.n_words:
        lanes[WORDS] = find_words(sections.words, asked, plan.n_words, mask_of(plan))
    weighed = any(plan.weights.get(name) for name in TITLE_FEATURES)
    if sections.titles is not None and plan.text and weighed:
        matches[TITLE] = match_titles(sections.titles, plan.text)
        lanes[TITLE] = within(plan, matches[TITLE].rows)
    if plan.taste is not None:
        said, collaboration = collaborate(sections.neighbours, plan.taste, plan.weights)
        if said is not None:
            rows = within(plan, said.rows)
            matches[NEIGHBOURS] = said
            lanes[NEIGHBOURS] = strongest(said, plan.n_neighbours, plan.weights, rows)
    if sections.features is not None and plan.n_popular:
        lanes[POPULAR] = within(plan, sections.features.popular[: plan.n_popular])
    if plan.text_vector is not None and plan.taste is not None and asked is not None:
        _add_fitting(snapshot, plan, asked, lanes, matches.get(NEIGHBOURS))
    return Brought(lanes, matches, collaboration)


def _add_fitting(
    snapshot: Snapshot,
    plan: Plan,
    asked: AskedWords,
    lanes: dict[str, RowArray],
    said: Matches | None,
) -> None:
    """Add to a taste's lanes what they would bring of the items that have all words of its text.

    Few of what a taste brings has a rare word, and of a common word the words lane knows only who
    says it most: those who have it and are liked by the same people, or by many, come from here.
    """
    sections = snapshot.bundle.sections
    assert sections.words is not None
    fitting = partial(rows_saying_all, sections.words, asked)
    if said is not None:
        rows = fitting(within(plan, said.rows))
        also = strongest(said, plan.n_neighbours, plan.weights, rows)
        lanes[NEIGHBOURS] = np.union1d(lanes[NEIGHBOURS], also)
    if sections.features is not None:
        most_rated = fitting(within(plan, sections.features.popular))[: plan.n_words]
        popular = lanes.get(POPULAR, most_rated[:0])
        lanes[POPULAR] = np.concatenate([popular, _besides(most_rated, popular)])


def _besides(brought: RowArray, rows: RowArray) -> RowArray:
    """What is brought beside these rows, int64, rising, each once."""
    every = distinct(brought)
    return every[~stand_in(every, np.sort(rows))]
