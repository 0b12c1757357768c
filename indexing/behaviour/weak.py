"""Weak likes: what somebody opened or looked at, without saying whether they like it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from indexing.behaviour.acts import Acts
from indexing.behaviour.judged import decayed
from indexing.behaviour.trending import click_worth
from indexing.catalog.learning import EventsConfig
from shortlist.events.event import EventType


def weak_likes(acts: Acts, config: EventsConfig) -> pd.DataFrame:
    """Columns row, user and weight (float64 in (0, 1]), a line for each pair somebody's acts name.

    A weight is the sum of what the acts count: their kind's weight, halved every half-life, and for
    a click what its place is worth.
    """
    own = acts.of(acts.are(EventType.CLICK, EventType.VIEW) & (acts.users != ""))
    weights = decayed(own, acts, config) * click_worth(own)
    table = pd.DataFrame({"row": own.rows, "user": own.users, "weight": weights})
    summed = table.groupby(["row", "user"], as_index=False, sort=False)["weight"].sum()
    summed["weight"] = np.minimum(summed["weight"], 1.0)
    found: pd.DataFrame = summed[summed["weight"] > 0]
    return found
