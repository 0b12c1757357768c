"""Learning a profile: weights and depth that rank the training queries best, judged on others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from indexing.measure.ascent import (
    ascend,
    depth_coordinate,
    mean_weights,
    weight_coordinates,
)
from indexing.measure.run import encode_topics, overlay
from indexing.measure.topics import Topic
from shortlist.bundle.manifest import TITLE_FEATURES, Profile
from shortlist.encoder.runtime import Encoder
from shortlist.engine import MAX_CANDIDATES, SearchQuery, ranked
from shortlist.engine.plan import available_features
from shortlist.engine.snapshot import Snapshot

FloatArray = npt.NDArray[np.float64]

DEPTHS = (50, 100, 200, 400)
POPULAR = (0, 250, 500, 1000)
BAGS = 5
FOLDS = 3
PRICES = (0.0, 0.05, 0.1)
"""What the sum of the weights may cost, in units of the objective."""

SEED = 20261124
MAX_KNOWN = 600
COST = 5e-6
"""What a candidate more has to bring: half a thousandth of the objective per hundred."""

NDCG, RECALL, RECIPROCAL_RANK = "nDCG@10", "Recall@50", "MRR"
SHARES = {NDCG: 0.25, RECALL: 0.25, RECIPROCAL_RANK: 0.5}

_FORGOTTEN = -1e9


@dataclass(frozen=True)
class Case:
    """One training query: its largest pool, and how each candidate came into it.

    features float64 [m, f]; `place` int64 [m] is the rank by similarity and `popular` int64 [m]
    that by the number of ratings, large for candidates of neither lane; `title` bool [m] says
    that the title lane brought it; `relevant` bool [m]; `n_relevant` counts those outside too.
    """

    features: FloatArray
    place: npt.NDArray[np.int64]
    popular: npt.NDArray[np.int64]
    title: npt.NDArray[np.bool_]
    relevant: npt.NDArray[np.bool_]
    n_relevant: int
    by_title: bool


def collect(
    snapshot: Snapshot, encoder: Encoder, topics: Sequence[Topic], *, names: Sequence[str]
) -> list[Case]:
    """The cases of these topics, through the engine, with every feature in `names`."""
    encoded = encode_topics(encoder, topics)
    query = SearchQuery(
        "", n_candidates=DEPTHS[-1], n_popular=MAX_CANDIDATES, weights=dict.fromkeys(names, 1.0)
    )
    return [
        _case(overlay(snapshot, topic, encoded), topic, query)
        for topic in tqdm(topics, desc="collecting", unit="query", disable=None)
    ]


def _case(snapshot: Snapshot, topic: Topic, query: SearchQuery) -> Case:
    found = ranked(snapshot, replace(query, text=topic.text))
    pool, n = found.pool, len(found.pool.rows)
    place = np.where(np.arange(n) < pool.n_retrieved, np.arange(n), MAX_CANDIDATES)
    order = np.argsort(pool.popular, kind="stable")
    at = np.searchsorted(pool.popular[order], pool.rows)
    at = np.minimum(at, max(0, len(order) - 1))
    popular = np.full(n, MAX_CANDIDATES)
    if len(order):
        here = pool.popular[order[at]] == pool.rows
        popular[here] = order[at[here]]
    titles = pool.titles.rows if pool.titles is not None else np.empty(0, np.int64)
    return Case(
        features=found.features,
        place=place,
        popular=popular,
        title=np.isin(pool.rows, titles),
        relevant=np.isin(pool.rows, topic.relevant),
        n_relevant=len(topic.relevant),
        by_title=topic.kind != "tag",
    )


@dataclass(frozen=True)
class Objective:
    """What tuning maximises: by what factor each metric grows, on average.

    The metrics are nDCG@10 and Recall@50 of tags, together half of it, and the reciprocal rank
    of titles, the other half; `before` holds their means under the profile compared with.
    Factors, because the metrics differ tenfold in what can be reached. A small price for each
    candidate keeps depth that brings nothing from being bought, `price` does so for the
    weights of what is known of items, which the few tags alone teach.
    """

    cases: Sequence[Case]
    names: Sequence[str]
    before: dict[str, float]
    price: float = 0.0

    def __call__(self, profile: Profile) -> float:
        """The objective of one profile."""
        values = mean_values(self.cases, profile, self.names)
        factors = {name: value / max(self.before[name], 1e-6) for name, value in values.items()}
        shares = {name: SHARES[name] for name in factors}
        grown = sum(factors[name] * share for name, share in shares.items())
        depth = COST * (profile.n_candidates + profile.n_popular)
        priced = [name for name in profile.weights if name not in ("similarity", *TITLE_FEATURES)]
        weight = self.price * sum(profile.weights[name] for name in priced)
        return grown / sum(shares.values()) - depth - weight


def mean_values(cases: Sequence[Case], profile: Profile, names: Sequence[str]) -> dict[str, float]:
    """The means of the metrics that these cases have."""
    weights = np.array([profile.weights.get(name, 0.0) for name in names])
    values: dict[str, list[float]] = {name: [] for name in SHARES}
    for case in cases:
        found = case.relevant[_order(case, profile, weights)]
        if case.by_title:
            values[RECIPROCAL_RANK].append(_reciprocal_rank(found))
        else:
            values[NDCG].append(_ndcg(found, case.n_relevant))
            values[RECALL].append(float(found[:50].sum()) / case.n_relevant)
    return {name: float(np.mean(each)) for name, each in values.items() if each}


def learn(objective: Objective, start: Profile, *, on_step: Callable[[], object]) -> Profile:
    """The mean of the profiles that seeded resamples of the training queries lead to.

    Few hundred queries lead coordinate ascent astray, so weights have a price, chosen by
    three-fold cross-validation within the training queries, and the profiles of five resamples
    (with replacement, within each protocol) are averaged; depths are the medians. Sources:
    ridge-like shrinkage by cross-validation; Breiman 1996, bagging.
    """
    objective = replace(objective, price=_chosen_price(objective, start, on_step))
    rng = np.random.default_rng(SEED)
    found = [_ascend(_resampled(objective, rng), start, on_step) for _ in range(BAGS)]
    return Profile(
        n_candidates=int(np.median([one.n_candidates for one in found])),
        n_popular=int(np.median([one.n_popular for one in found])),
        weights=mean_weights(found, objective.names),
    )


def _chosen_price(objective: Objective, start: Profile, on_step: Callable[[], object]) -> float:
    """The highest price that does as well as any on training queries not learnt from.

    As well means within one standard error of the best. Source: the one-standard-error rule,
    Breiman et al. 1984, Classification and Regression Trees.
    """
    unseen = {price: _unseen(objective, price, start, on_step) for price in PRICES}
    best = max(unseen.values(), key=lambda values: float(np.mean(values)))
    least = np.mean(best) - np.std(best, ddof=1) / np.sqrt(FOLDS)
    return max(price for price, values in unseen.items() if np.mean(values) >= least)


def _unseen(
    objective: Objective, price: float, start: Profile, on_step: Callable[[], object]
) -> list[float]:
    """The objective on each fold of a profile learnt from the others."""
    values = []
    for fold in range(FOLDS):
        seen = [case for place, case in enumerate(objective.cases) if place % FOLDS != fold]
        others = [case for place, case in enumerate(objective.cases) if place % FOLDS == fold]
        profile = _ascend(replace(objective, cases=seen, price=price), start, on_step)
        values.append(replace(objective, cases=others, price=0.0)(profile))
    return values


def _resampled(objective: Objective, rng: np.random.Generator) -> Objective:
    cases = list(objective.cases)
    groups = [[case for case in cases if case.by_title is by_title] for by_title in (False, True)]
    drawn = [
        group[place]
        for group in groups
        if group
        for place in rng.integers(0, len(group), len(group)).tolist()
    ]
    return replace(objective, cases=drawn)


def _ascend(objective: Objective, start: Profile, on_step: Callable[[], object]) -> Profile:
    """Similarity keeps weight 1."""
    coordinates = [
        *weight_coordinates(objective.names, fixed="similarity"),
        depth_coordinate("n_candidates", DEPTHS),
        depth_coordinate("n_popular", POPULAR),
    ]
    return ascend(objective, start, coordinates, on_step)


def starting_profile(snapshot: Snapshot) -> tuple[Profile, list[str]]:
    """Similarity with the features that carry most elsewhere, and all that are available."""
    names = list(available_features(snapshot.bundle))
    guess = {"similarity": 1.0, "rating_volume": 0.3, "title_match": 1.0}
    weights = {name: guess[name] for name in names if name in guess}
    return Profile(n_candidates=100, n_popular=250, weights=weights), names


def _order(case: Case, profile: Profile, weights: FloatArray) -> npt.NDArray[np.int64]:
    """Places of the candidates that this profile would have, best first."""
    scores = case.features @ weights
    inside = (
        (case.place < profile.n_candidates)
        | (case.popular < profile.n_popular)
        | (case.title & _matches_titles(profile))
    )
    scores = np.where(inside, scores, _FORGOTTEN)
    order = np.argsort(-scores, kind="stable")
    return order[: int(inside.sum())]


def _matches_titles(profile: Profile) -> bool:
    """Whether the title lane brings candidates under this profile."""
    return any(profile.weights.get(name, 0.0) > 0 for name in ("title_match", "title_prefix"))


def _ndcg(found: npt.NDArray[np.bool_], n_relevant: int) -> float:
    discounts = 1 / np.log2(np.arange(2, 12))
    gained = float((found[:10] * discounts[: len(found[:10])]).sum())
    return gained / float(discounts[: min(10, n_relevant)].sum())


def _reciprocal_rank(found: npt.NDArray[np.bool_]) -> float:
    places = np.flatnonzero(found)
    return 1.0 / (1 + int(places[0])) if len(places) else 0.0
