"""What people did with items, from the store of events, as columns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from indexing.catalog.addresses import SQLITE_URL, expanded
from indexing.catalog.ids import rows_of
from indexing.catalog.learning import EventsConfig
from indexing.comparing.displays import displays_of
from indexing.comparing.examination import Examination, examination_of
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.errors import CatalogError, EventStoreError
from shortlist.events.event import EventType, micros_of

if TYPE_CHECKING:  # SQLAlchemy is loaded where a catalogue has events, and nowhere else
    from shortlist.events.event import Event

_RELATIVE = re.compile(rf"{SQLITE_URL}(?!/)(.+)")

KINDS = tuple(EventType)
_DAY_US = 86_400e6
_CODES = {name: code for code, name in enumerate(KINDS)}


@dataclass(frozen=True)
class Acts:
    """Events that name an item of the catalogue, in the order of their times.

    Columns of one length: `rows` int64; `kinds` uint8, places in `KINDS`; `users` text, "" where
    nobody is named; `micros` int64 from 1970; `values` float64, NaN for all but ratings; `ranks`
    int64, the place from 1 where the item was shown, 0 where that is not known. `n_dropped` events
    name other items; `forgotten` are the user keys of those who were forgotten. `looked_at` is how
    often places are, as far as the searches tell that the store remembers.
    """

    rows: RowArray
    kinds: npt.NDArray[np.uint8]
    users: npt.NDArray[np.object_]
    micros: RowArray
    values: FloatArray
    ranks: RowArray
    n_dropped: int
    forgotten: Mapping[str, datetime]
    looked_at: Examination

    def __len__(self) -> int:
        return len(self.rows)

    def are(self, *kinds: EventType) -> npt.NDArray[np.bool_]:
        """Which events are of one of these kinds, bool [m]."""
        return np.isin(self.kinds, [_CODES[kind] for kind in kinds])

    def ages(self, every: Acts) -> FloatArray:
        """Days before the newest of `every` event, float64 [m]: equal events make equal builds."""
        return np.asarray((every.micros.max(initial=0) - self.micros) / _DAY_US)

    def of(self, wanted: npt.NDArray[np.bool_]) -> Acts:
        """The events that are wanted (bool [m]) alone."""
        columns = ("rows", "kinds", "users", "micros", "values", "ranks")
        kept = {name: getattr(self, name)[wanted] for name in columns}
        return replace(self, **kept)


def read_acts(config: EventsConfig, folder: Path, ids: pd.Series) -> Acts:
    """Every event of the store that `config` names; `ids` are those of all items in row order.

    Raises CatalogError for a store that cannot be read.
    """
    from shortlist.events.store import EventStore

    try:
        store = EventStore.open(store_url(config, folder), writes=False)
        try:
            answers = (one for batch in store.query_batches() for one in batch)
            looked_at = examination_of(displays_of(answers))
            events = map(_columns, store.batches())
            return _joined(events, ids, forgotten=store.forgotten(), looked_at=looked_at)
        finally:
            store.close()
    except EventStoreError as error:
        raise CatalogError(f"events: {error}") from error


def store_url(config: EventsConfig, folder: Path) -> str:
    """Where the store is: variables replaced, a relative file below the catalogue's folder."""
    url = expanded(config.url.get_secret_value(), os.environ)
    relative = _RELATIVE.fullmatch(url)
    return url if relative is None else f"{SQLITE_URL}{folder.resolve() / relative[1]}"


def _columns(events: Iterable[Event]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (
                str(one.item_id),
                _CODES[one.type],
                _named(one),
                micros_of(one.at),
                np.nan if one.value is None else one.value,
                one.rank or 0,
            )
            for one in events
        ],
        columns=["item", "kind", "user", "micros", "value", "rank"],
    )


def _named(event: Event) -> str:
    """Who did it: a user, or somebody on one visit, whose likes belong together too."""
    if event.user is not None:
        return event.user
    return "" if event.session is None else f"session {event.session}"


def _joined(
    parts: Iterable[pd.DataFrame],
    ids: pd.Series,
    *,
    forgotten: Mapping[str, datetime],
    looked_at: Examination,
) -> Acts:
    none = pd.DataFrame(columns=["item", "kind", "user", "micros", "value", "rank"])
    every = pd.concat([none, *parts], ignore_index=True)
    rows = rows_of(every["item"], ids)
    known = rows >= 0
    table = every[known]
    return Acts(
        rows=rows[known],
        kinds=table["kind"].to_numpy(np.uint8),
        users=table["user"].to_numpy(object),
        micros=table["micros"].to_numpy(np.int64),
        values=table["value"].to_numpy(np.float64),
        ranks=table["rank"].to_numpy(np.int64),
        n_dropped=int((~known).sum()),
        forgotten=forgotten,
        looked_at=looked_at,
    )
