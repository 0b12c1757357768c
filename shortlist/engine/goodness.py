"""Whether anything in the catalogue is about the query."""

from __future__ import annotations

from shortlist.bundle.sections.off_topic import SHARE
from shortlist.engine.answer import BestMatch
from shortlist.engine.lanes.asked import ask_words
from shortlist.engine.lanes.title import match_titles
from shortlist.engine.lanes.words import find_words, rows_saying_all
from shortlist.engine.other_lanes import TITLE
from shortlist.engine.pool import Pool
from shortlist.engine.snapshot import Snapshot

TOP = 10
LEAST_UNUSUAL = 0.9
"""For a bundle that has learnt no threshold of its own; chosen on queries for MovieLens."""

LEAST_TITLE_MATCH = 0.5
LEAST_WORDS = 2


def judge(snapshot: Snapshot, pool: Pool) -> tuple[BestMatch | None, bool | None]:
    """The best match and whether it is no good one; None for a bundle without calibration.

    No match is good when the query's score is below what the build has learnt of this catalogue,
    no title is spelled like the query, and no item has all of its words. The score is how many
    standard deviations more similar than random pairs the ten best are on average, less half of how
    similar the three nearest off-topic texts are, in the same deviations. One candidate alone can
    be similar by a word; ten that are not show what the query is not about, and the texts what else
    it may be about. A bundle that has learnt nothing is judged by the ten best alone, which 0.9
    deviations have to be.
    """
    calibration = snapshot.bundle.sections.calibration
    if calibration is None or not pool.n_retrieved or pool.similarities is None:
        return None, None
    best = pool.similarities[: min(TOP, pool.n_retrieved)]
    first, mean = calibration.unusualness(float(best[0]), float(best.mean()))
    match = BestMatch(
        similarity=float(best[0]), unusualness=round(first, 3), unusualness_of_ten=round(mean, 3)
    )
    poor = _is_far(snapshot, pool, match["unusualness_of_ten"])
    said = poor and (_names_a_title(snapshot, pool) or _says_all(snapshot, pool))
    return match, poor and not said


def _is_far(snapshot: Snapshot, pool: Pool, unusualness: float) -> bool:
    sections, vector = snapshot.bundle.sections, pool.plan.vector
    texts, calibration = sections.off_topic, sections.calibration
    if texts is None or calibration is None or vector is None:
        return unusualness < LEAST_UNUSUAL
    nearness = float(texts.nearness(vector[None, :])[0])
    return unusualness - SHARE * nearness / calibration.scale < texts.threshold


def _says_all(snapshot: Snapshot, pool: Pool) -> bool:
    """Whether an item has every word of the text that informs, of two or more.

    A single word that stands somewhere says little of what is asked.
    """
    words, text = snapshot.bundle.sections.words, pool.plan.text
    if words is None or not text:
        return False
    asked = ask_words(words, text)
    if len(set(asked.word_of[asked.informs].tolist())) < LEAST_WORDS:
        return False
    rows = find_words(words, asked, TOP, None)
    return len(rows_saying_all(words, asked, rows)) > 0


def _names_a_title(snapshot: Snapshot, pool: Pool) -> bool:
    """Looked up only for the few queries on which it depends."""
    matches, titles = pool.matches.get(TITLE), snapshot.bundle.sections.titles
    if matches is None and titles is not None and pool.plan.text:
        matches = match_titles(titles, pool.plan.text)
    found = () if matches is None else matches.values.values()
    return any(one.max(initial=0.0) >= LEAST_TITLE_MATCH for one in found)
