"""What people said of items by what they did, as ratings: behind those of the catalogue's files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from indexing.behaviour.acts import KINDS, Acts
from indexing.catalog.addresses import expanded
from indexing.catalog.events import Events
from indexing.catalog.learning import EventsConfig
from indexing.catalog.tables import as_text
from shortlist.events.event import EventType
from shortlist.events.judgement import rating_of
from shortlist.events.person import Pseudonyms

_SECOND_US = 1_000_000


def with_acts(
    ratings: Events | None, acts: Acts, config: EventsConfig, scale: tuple[float, float]
) -> Events:
    """The ratings of the files and, behind them, what was rated, liked, disliked and bought.

    A like and a purchase are ratings at the top of the scale, a dislike one at its bottom; a rating
    off the scale is cut to it. Users of the files become user keys, and who was forgotten is left
    out. `weight` is what each counts as a like: 1 for those of the files, for events what the
    settings say of their kind, halved every half-life.
    """
    own = acts.of(acts.are(EventType.RATING, EventType.LIKE, EventType.DISLIKE, EventType.PURCHASE))
    of_files = _of_files(ratings, acts, config)
    judged = pd.DataFrame(
        {
            "row": own.rows,
            "value": _values(own, scale),
            "user": own.users,
            "weight": decayed(own, acts, config),
        }
    )
    if of_files is None:
        judged["time"] = _times(own, None)
        return Events(judged, 0)
    if "time" in of_files.table:
        judged["time"] = _times(own, of_files.table["time"])
    columns = [name for name in of_files.table if name in judged]
    both = pd.concat([of_files.table, judged[[*columns]]], ignore_index=True)
    return replace(of_files, table=both)


def decayed(own: Acts, every: Acts, config: EventsConfig) -> np.ndarray:
    """What each event weighs: its kind's weight · 2^(-age / half-life), float64 [m].

    Ages count from the newest event of all.
    """
    weights: Mapping[str, float] = {str(kind): one for kind, one in config.weights.items()}
    by_kind = np.array([weights.get(kind, 0.0) for kind in KINDS])
    return np.asarray(by_kind[own.kinds] * np.exp2(-own.ages(every) / config.half_life_days))


def _of_files(ratings: Events | None, acts: Acts, config: EventsConfig) -> Events | None:
    """The ratings of the files by user keys, without those of who was forgotten."""
    if ratings is None:
        return None
    table = ratings.table.assign(weight=1.0)
    if "user" not in table:
        return replace(ratings, table=table.assign(user=""))
    codes, names = pd.factorize(as_text(table["user"]))
    pseudonyms = Pseudonyms(expanded(config.user_key.get_secret_value(), os.environ))
    keys = np.array([pseudonyms.of(name) if name else "" for name in names], dtype=object)
    users = keys[codes]
    kept = ~np.isin(keys, list(acts.forgotten))[codes]
    return replace(ratings, table=table.assign(user=users)[kept].reset_index(drop=True))


def _values(own: Acts, scale: tuple[float, float]) -> np.ndarray:
    values = np.clip(own.values, *scale)
    for kind in (EventType.LIKE, EventType.PURCHASE, EventType.DISLIKE):
        values[own.are(kind)] = rating_of(kind, None, scale)
    return np.asarray(values)


def _times(own: Acts, written: pd.Series | None) -> list[str]:
    """The times of events as the files write theirs: seconds from 1970, or ISO 8601."""
    if written is not None and not pd.to_numeric(written, errors="coerce").notna().all():
        moments = pd.to_datetime(own.micros, unit="us", utc=True)
        return [moment.isoformat() for moment in moments]
    return [str(one) for one in (own.micros // _SECOND_US).tolist()]
