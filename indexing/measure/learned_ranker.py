"""A learned ranker beside the linear one: LambdaMART over the same features of the same pools."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from indexing.measure.taste_tuning import FloatArray, TasteCase
from shortlist.encoder.machine import available_cores

SEED = 20261124


def learn_trees(cases: Sequence[TasteCase]) -> Callable[[TasteCase], FloatArray]:
    """What scores a pool after LightGBM's LambdaMART has learnt from these cases.

    150 trees of 15 leaves, at least 100 candidates in each, learning rate 0.05; the loss looks at
    the first 20. Source: Burges 2010, "From RankNet to LambdaRank to LambdaMART".
    """
    from lightgbm import LGBMRanker

    model = LGBMRanker(
        objective="lambdarank", n_estimators=150, learning_rate=0.05, num_leaves=15,
        min_child_samples=100, lambdarank_truncation_level=20, random_state=SEED,
        deterministic=True, force_row_wise=True, n_jobs=available_cores(), verbose=-1,
    )  # fmt: skip
    model.fit(
        np.concatenate([case.features for case in cases]),
        np.concatenate([case.relevant for case in cases]).astype(np.int8),
        group=[len(case.features) for case in cases],
    )
    return lambda case: np.asarray(model.predict(case.features), dtype=np.float64)
