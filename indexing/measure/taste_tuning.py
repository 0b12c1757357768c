"""Learning what similar items and recommendations are ranked by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from indexing.catalog import Catalog
from indexing.measure.ascent import ascend, mean_weights, weight_coordinates
from indexing.measure.others import learnt_from
from indexing.measure.split import is_held_out
from indexing.measure.taste import by_user, folds_of
from indexing.measure.taste_systems import OURS, TasteEngine
from indexing.measure.tastes import ITEM_TO_ITEM, TasteTopic
from shortlist.bundle.manifest import TITLE_FEATURES, Profile
from shortlist.engine import Ranked
from shortlist.engine.plan import available_features
from shortlist.engine.snapshot import Snapshot

FloatArray = npt.NDArray[np.float64]

N_CANDIDATES, N_NEIGHBOURS = 100, 200
BAGS = 5
SEED = 20261124
NDCG, RECALL = "nDCG@10", "Recall@20"
_DISCOUNTS = 1 / np.log2(np.arange(2, 12))


@dataclass(frozen=True)
class TasteCase:
    """One question's pool: features float64 [m, f], which of it is relevant (bool [m]).

    `n_relevant` counts relevant items outside the pool too; `held_out` users are not learnt from.
    """

    user: str
    features: FloatArray
    relevant: npt.NDArray[np.bool_]
    n_relevant: int
    held_out: bool


def collect_tastes(
    snapshot: Snapshot, catalog: Catalog, protocol: str, names: Sequence[str]
) -> list[TasteCase]:
    """The pools of every topic of a protocol, each learnt from other users only."""
    engine = TasteEngine(
        OURS, None, dict.fromkeys(names, 1.0), N_CANDIDATES, similar=protocol == ITEM_TO_ITEM
    )
    cases: list[TasteCase] = []
    for fold in tqdm(folds_of(catalog, protocol), desc=protocol, unit="fold", disable=None):
        pools = engine.pools(learnt_from(snapshot, catalog, fold.others))
        cases.extend(_case(pools(topic), topic) for topic in fold.topics)
    return cases


def _case(found: Ranked, topic: TasteTopic) -> TasteCase:
    return TasteCase(
        user=topic.user,
        features=found.features,
        relevant=np.isin(found.pool.rows, topic.relevant),
        n_relevant=len(topic.relevant),
        held_out=is_held_out("user", topic.user),
    )


def taste_features(snapshot: Snapshot) -> list[str]:
    """The features that a taste can be ranked by, without those of a text."""
    names = available_features(snapshot.bundle, taste=True)
    return [name for name in names if name not in TITLE_FEATURES]


@dataclass(frozen=True)
class TasteObjective:
    """What is maximised: by what factor nDCG@10 and Recall@20 grow, on average over users."""

    cases: Sequence[TasteCase]
    names: Sequence[str]
    before: dict[str, float]

    def __call__(self, profile: Profile) -> float:
        """The objective of one profile."""
        weights = np.array([profile.weights.get(name, 0.0) for name in self.names])
        values = taste_values(self.cases, lambda case: case.features @ weights)
        factors = [float(values[name].mean()) / self.before[name] for name in (NDCG, RECALL)]
        return float(np.mean(factors))


def taste_values(
    cases: Sequence[TasteCase], score: Callable[[TasteCase], FloatArray]
) -> dict[str, FloatArray]:
    """nDCG@10 and Recall@20 of every user, float64 [users], in the order of their names."""
    found: dict[str, list[float]] = {NDCG: [], RECALL: []}
    for case in cases:
        hits = case.relevant[np.argsort(-score(case), kind="stable")[:20]]
        ideal = _DISCOUNTS[: min(10, case.n_relevant)].sum()
        found[NDCG].append(float((hits[:10] * _DISCOUNTS[: len(hits[:10])]).sum() / ideal))
        found[RECALL].append(float(hits.sum()) / case.n_relevant)
    users = np.array([case.user for case in cases])
    return {name: by_user(users, np.array(values)) for name, values in found.items()}


def learn_taste(
    cases: Sequence[TasteCase],
    names: Sequence[str],
    start: Profile,
    *,
    leading: str,
    on_step: Callable[[], object],
) -> Profile:
    """The mean of the profiles that five resamples of the training users lead to."""
    training = [case for case in cases if not case.held_out]
    before = np.array([start.weights.get(name, 0.0) for name in names])
    values = taste_values(training, lambda case: case.features @ before)
    objective = TasteObjective(
        training, names, {name: max(float(one.mean()), 1e-6) for name, one in values.items()}
    )
    rng = np.random.default_rng(SEED)
    coordinates = weight_coordinates(names, fixed=leading)
    found = [ascend(_resampled(objective, rng), start, coordinates, on_step) for _ in range(BAGS)]
    return Profile(
        n_candidates=N_CANDIDATES, n_neighbours=N_NEIGHBOURS, weights=mean_weights(found, names)
    )


def _resampled(objective: TasteObjective, rng: np.random.Generator) -> TasteObjective:
    """As many users, drawn with replacement; each draw counts as a user of its own."""
    of_user: dict[str, list[TasteCase]] = {}
    for case in objective.cases:
        of_user.setdefault(case.user, []).append(case)
    users = sorted(of_user)
    drawn = [
        replace(case, user=f"{number} {user}")
        for number, user in enumerate(rng.choice(users, len(users)).tolist())
        for case in of_user[user]
    ]
    return replace(objective, cases=drawn)


def taste_start(names: Sequence[str], *, leading: str) -> Profile:
    """What the ascent begins with: the leading feature, a little text and volume."""
    guess = {leading: 1.0, "similarity": 0.2, "rating_volume": 0.1}
    return Profile(
        n_candidates=N_CANDIDATES,
        n_neighbours=N_NEIGHBOURS,
        weights={name: guess[name] for name in names if name in guess},
    )
