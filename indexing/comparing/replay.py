"""Another version's lists, judged by the clicks that were made on those of versions before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexing.comparing.displays import Displays
from indexing.comparing.examination import Examination, Moved
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.attributes import Mask
from shortlist.engine.answer import Answer
from shortlist.engine.batch import ask_many
from shortlist.engine.query import DEFAULT_K, SearchQuery
from shortlist.engine.query_reading import read_query
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import QueryError

DEPTH = DEFAULT_K
MOST_WEIGHT = 10.0
"""A click counts for so many at most: one behind a place that hardly anybody looks at would count
for hundreds, and decide alone."""

SAMPLES, SEED = 400, 20261129
NOTHING = -1
_Z = 1.96
LEAST_CLICKS = 200
"""With fewer clicks an estimate is not judged."""

_TOGETHER = 256


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval: normal, by the bootstrap, its bias corrected.

    Source: Efron and Tibshirani 1993, chapters 6 and 10.
    """

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Replay:
    """What people would have clicked, a search, had a version ranked what they asked for.

    `clicks` are those on the first ten of the version; `live` those of the live one, ranked again
    too; `relative` is the one by the other. Items that were never shown for a request have no
    clicks to learn from and count as never clicked: `unknown` is the share of looks that falls on
    them, `live_unknown` of the live version's. `requests` different ones were asked in `searches`,
    with `logged_clicks`; `failed` the version cannot answer, which counts as no click.
    """

    version: str
    live_version: str
    requests: int
    searches: int
    logged_clicks: int
    failed: int
    clicks: Interval
    live: Interval
    relative: Interval
    unknown: float
    live_unknown: float
    examination: Examination

    @property
    def says_enough(self) -> bool:
        """Whether there were clicks enough to judge a version by."""
        return self.logged_clicks >= LEAST_CLICKS


class Valuation:
    """Values lists by the clicks of logged displays, weighed by inverse propensities.

    An item shown for a request at places r was examined Σ θ(r) times, so its C clicks estimate how
    often it is clicked where it is looked at, γ = C / Σ θ(r), without the bias of its places; in a
    list that has it at place s it is then clicked θ(s) · γ times. A click counts for
    min(weight, 10): clipped, which makes estimates smaller, never larger. Source: Joachims,
    Swaminathan and Schnabel 2017, "Unbiased learning-to-rank with biased feedback"; several
    displays of one item count together as in Agarwal, Basu, Schnabel and Joachims 2017, "Effective
    evaluation using logged bandit feedback from multiple loggers".
    """

    def __init__(self, displays: Displays) -> None:
        pairs, self._pair_of = np.unique(displays.pairs, return_inverse=True)
        self._displays = displays
        self._lists = np.maximum(displays.lists, 1)
        self._lists_of = self._lists[pairs // (len(displays.names) + 1)]
        # One entry more than there are pairs: what is looked for behind the last one is unknown.
        self._pairs = np.append(pairs, np.iinfo(np.int64).max)
        clicks = np.bincount(self._pair_of, displays.clicks, minlength=len(pairs))
        self._clicks = np.append(clicks, 0.0)
        self._number = {name: number for number, name in enumerate(displays.names)}

    def numbered(self, rankings: Sequence[Sequence[str]]) -> RowArray:
        """Lists (ids as text, best first), one for each request, as `placed` takes them."""
        items = np.full((len(rankings), DEPTH), NOTHING, dtype=np.int64)
        for row, ranking in enumerate(rankings):
            numbers = [self._number.get(item, len(self._number)) for item in ranking[:DEPTH]]
            items[row, : len(numbers)] = numbers
        return items

    def placed(self, items: RowArray) -> Placed:
        """Lists of items by their numbers, int64 [q, depth], one for each request.

        An item that was never shown has the number behind the last; -1 stands where there is none.
        """
        wanted = np.arange(len(items))[:, None] * (len(self._number) + 1) + items
        at = np.searchsorted(self._pairs, wanted)
        there = items != NOTHING
        return Placed(at, there, there & (self._pairs[at] == wanted))

    def clicks(self, placed: Placed, examination: Examination) -> FloatArray:
        """What each list is worth in clicks a search, float64 [q]."""
        displays, looks = self._displays, examination.at(np.arange(1, placed.at.shape[1] + 1))
        each = displays.shown * examination.at(displays.ranks)
        examined = np.bincount(self._pair_of, each, minlength=len(self._lists_of))
        weights = np.append(self._lists_of / examined, 0.0)
        counted = np.minimum(looks * weights[placed.at], MOST_WEIGHT) * self._clicks[placed.at]
        return np.asarray(np.where(placed.known, counted, 0.0).sum(axis=1) / self._lists)


@dataclass(frozen=True)
class Placed:
    """Where a valuation has the items of lists, int64 [q, depth]; bool where there is one at all.

    And where it is `known`: shown for the request.
    """

    at: RowArray
    there: Mask
    known: Mask

    def unknown(self, examination: Examination, lists: RowArray) -> float:
        """The share of looks that falls on what was never shown, over all searches."""
        looks = examination.at(np.arange(1, self.at.shape[1] + 1)) * lists[:, None]
        every = float((looks * self.there).sum())
        return 1 - float((looks * self.known).sum()) / every if every else 0.0


def rank_again(snapshot: Snapshot, asked: Sequence[str]) -> list[list[str]]:
    """The first page of a version for each request (a query as JSON), ids as text.

    An empty list for one that the version cannot answer.
    """
    found: list[list[str]] = []
    for begin in range(0, len(asked), _TOGETHER):
        read = [_read(one) for one in asked[begin : begin + _TOGETHER]]
        answers = iter(ask_many(snapshot, [one for one in read if one is not None]))
        answered = [None if one is None else next(answers) for one in read]
        found += [
            [str(result.item_id) for result in one.results] if isinstance(one, Answer) else []
            for one in answered
        ]
    return found


def _read(request: str) -> SearchQuery | None:
    try:
        return read_query(SearchQuery, request.encode())
    except QueryError:
        return None


def compare(
    displays: Displays,
    rankings: Sequence[Sequence[str]],
    live: Sequence[Sequence[str]],
    *,
    versions: tuple[str, str],
) -> Replay:
    """The lists of a version, and of the live one, for each request, judged by logged clicks."""
    valuation, moved = Valuation(displays), Moved.of(displays)
    own, others = (valuation.placed(valuation.numbered(each)) for each in (rankings, live))
    clicks, live_clicks, relative = estimates(displays, valuation, moved, (own, others))
    examination = moved.examination()
    return Replay(
        version=versions[0],
        live_version=versions[1],
        requests=len(displays.asked),
        searches=int(displays.lists.sum()),
        logged_clicks=int(displays.clicks.sum()),
        failed=sum(not one for one in rankings),
        clicks=clicks,
        live=live_clicks,
        relative=relative,
        unknown=own.unknown(examination, displays.lists),
        live_unknown=others.unknown(examination, displays.lists),
        examination=examination,
    )


def estimates(
    displays: Displays,
    valuation: Valuation,
    moved: Moved,
    lists: tuple[Placed, Placed],
    *,
    samples: int = SAMPLES,
) -> tuple[Interval, Interval, Interval]:
    """Clicks a search on two versions' lists, and the one by the other, over all searches.

    The intervals are over requests drawn again with replacement, each with all its searches, by a
    fixed seed; how places are looked at is learnt anew each time, so that this is not taken for
    certain either.
    """
    rng, n = np.random.default_rng(SEED), len(displays.lists)
    whole = moved.examination()
    sums = [_sums(valuation, lists, whole, displays.lists.astype(np.float64))]
    for _ in range(samples if n else 0):
        times = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        drawn = moved.examination(times, near=whole)
        sums.append(_sums(valuation, lists, drawn, displays.lists * times))
    own, others, searches = np.array(sums).T
    return _interval(own, searches), _interval(others, searches), _interval(own, others)


def _sums(
    valuation: Valuation,
    lists: tuple[Placed, Placed],
    examination: Examination,
    searches: FloatArray,
) -> tuple[float, float, float]:
    own, others = (float((valuation.clicks(each, examination) * searches).sum()) for each in lists)
    return own, others, float(searches.sum())


def _interval(above: FloatArray, below: FloatArray) -> Interval:
    """The first ratio as the estimate, the others as what it may be; zeros where nothing was seen.

    Weighing by what is estimated itself makes ratios too large on average; those drawn again show
    by how much, and the interval is moved by that.
    """
    sound = below > 0
    if not sound[0]:
        return Interval(0.0, 0.0, 0.0)
    estimate, *drawn = (above[sound] / below[sound]).tolist()
    if len(drawn) < 2:
        return Interval(estimate, 0.0, float("inf"))
    middle, wide = 2 * estimate - float(np.mean(drawn)), _Z * float(np.std(drawn, ddof=1))
    return Interval(estimate, max(0.0, middle - wide), middle + wide)
