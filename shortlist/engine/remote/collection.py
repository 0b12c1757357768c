"""A segment's index as a collection of Milvus: asked for more than is wanted, and for a filter."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shortlist.bundle import layout
from shortlist.bundle.arrays import RowArray, Vectors, map_array
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.bundle.places import EntryRows
from shortlist.bundle.rules import NORM_TOLERANCE
from shortlist.bundle.tables import ItemTable, read_items
from shortlist.engine.conditions import Filters
from shortlist.engine.lanes.semantic import best_among
from shortlist.engine.remote.expressions import ANYTHING, Expression, expression_of
from shortlist.engine.remote.fields import FilterField, changed_entries, fields_of
from shortlist.engine.remote.server import MOST_FOUND, SEARCH_S, server_at
from shortlist.engine.row_sets import RowSet
from shortlist.errors import BundleCorrupt

if TYPE_CHECKING:
    from pymilvus import MilvusClient

BACKEND = "milvus"
MOST_CHANGED = 1000
"""So many entries with another value than the collection has are looked at here, in a millisecond;
a column with more of them is asked no more."""

FEW = 1000
"""So many stored vectors are looked up in a millisecond: less than an engine takes to answer."""

FILTERED = "_filtered"
"""Behind the name of a search parameter: what it is where there is a filter."""

_NAME = re.compile(r"shortlist_[0-9a-f]{10}_[0-9a-f]{24}")
_PLACE = re.compile(r"https?://[\w.:\[\]-]+|/[^\0]*\.db", re.ASCII)
_OVERFETCH = 2
_AGAIN = 4
_DEEPER = 1.25
_MANY = 0.07
"""Of fewer a server looks at each: below a share of a fourteenth, Milvus' own limit."""

_MOST_WALKED = 4096
_SPARE = 8
_SELF_SEARCHES, _SELF_RECALL = 200, 0.9
PATIENT_S = 60.0
"""What is not done for a request may take so long."""

_MOST = {"ef": 32_768, "nprobe": 65_536}


class MilvusCollection:
    """The collection of one segment, and the columns as it holds them.

    A search takes `patience_s` at most.
    """

    exact = False

    def __init__(self, folder: Path, info: RetrievalInfo, vectors: Vectors) -> None:
        name, uri = (str(info.params.get(key, "")) for key in ("collection", "uri"))
        if not _NAME.fullmatch(name) or not _PLACE.fullmatch(uri):
            raise BundleCorrupt(
                "manifest.json: retrieval.params: expected a collection of Shortlist's and the uri"
                f" of a server, found {name[:80]!r} and {uri[:80]!r}"
            )
        self.name, self.server = name, server_at(uri)
        self._search, self._filtered = _checked(info.params)
        self.vectors, self.patience_s = vectors, SEARCH_S
        self.items: ItemTable = read_items(folder / info.file)
        self.rows: EntryRows = map_array(folder / layout.FILTER_ROWS, np.int32, len(vectors))
        if len(self.rows) and (self.rows.min() < 0 or self.rows.max() >= len(self.items)):
            raise BundleCorrupt(f"{layout.FILTER_ROWS}: expected a row of {info.file} for each")
        self.fields = fields_of(self.items)

    def check(self) -> None:
        """That the collection is there, whole, loaded, and one of these vectors.

        Evenly drawn stored vectors are asked for: nine in ten must find one that is as near to them
        as they are to themselves. Raises BundleCorrupt for another collection or none, and
        RetrievalUnavailable where the server does not say.
        """
        n_held = self.server.ask(self._loaded, timeout_s=PATIENT_S)
        if n_held != len(self.vectors):
            raise BundleCorrupt(
                f"collection {self.name} at {self.server.uri}: {n_held} entries, expected"
                f" {len(self.vectors)}; build again, or give Milvus its data back"
            )
        probes = np.linspace(0, len(self.vectors) - 1, min(len(self.vectors), _SELF_SEARCHES))
        wanted = self.vectors[probes.astype(np.int64)]
        found = self.server.search(
            self.name, wanted, 1, params=self._params(1), timeout_s=PATIENT_S
        )
        n_same = sum(
            float(np.vecdot(self.vectors[self._sound(own)], one).max(initial=-1))
            >= 1 - NORM_TOLERANCE
            for one, own in zip(wanted, found, strict=True)
        )
        if n_same < _SELF_RECALL * len(wanted):
            raise BundleCorrupt(
                f"collection {self.name} at {self.server.uri}: only {n_same} of {len(wanted)}"
                " stored vectors find themselves; it is not one of the bundle's vectors"
            )

    @property
    def is_graph(self) -> bool:
        """Whether its index is walked along its edges."""
        return "ef" in self._search

    def search(self, query: Vectors, n_found: int, expression: str = "") -> RowArray:
        """The entries that the index finds, int64, up to so many, best first."""
        n_found = min(n_found, MOST_FOUND, len(self.vectors))
        (found,) = self.server.search(
            self.name,
            query[np.newaxis],
            n_found,
            params=self._params(n_found, filtered=bool(expression)),
            expression=expression,
            timeout_s=self.patience_s,
        )
        return self._sound(found)

    def searched_with(self, params: Mapping[str, int | float | str]) -> MilvusCollection:
        """The same collection searched with other parameters."""
        other = copy(self)
        other._search, other._filtered = _checked(params)
        return other

    def is_loaded(self, client: MilvusClient, timeout_s: float) -> bool:
        """Whether the server has the collection ready to be searched."""
        state = client.get_load_state(self.name, timeout=timeout_s)["state"]
        return "Loaded" in str(state)

    def _loaded(self, client: MilvusClient, timeout_s: float) -> int:
        """How many entries the collection holds, -1 where there is none; loaded if it was not."""
        if not client.has_collection(self.name, timeout=timeout_s):
            return -1
        if not self.is_loaded(client, timeout_s):
            client.load_collection(self.name, timeout=timeout_s)
        return int(client.get_collection_stats(self.name, timeout=timeout_s)["row_count"])

    def _params(self, n_found: int, *, filtered: bool = False) -> dict[str, int]:
        """What a search is asked with: a graph is to keep as many rows as are to be found."""
        own = self._filtered if filtered else self._search
        return {name: max(value, n_found) if name == "ef" else value for name, value in own.items()}

    def _sound(self, found: RowArray) -> RowArray:
        """What was found without what is no entry here."""
        return found[(found >= 0) & (found < len(self.vectors))]


@dataclass(frozen=True)
class CollectedSegment:
    """A collection in a version: the row of each of its entries there, -1 for one that is gone.

    `changed` are, by column, the entries that have another value by now than the collection holds.
    """

    index: MilvusCollection
    rows: EntryRows
    changed: Mapping[str, RowArray] = field(default_factory=dict)

    exact = False
    free_depth = 0

    def nearest(self, query_vector: Vectors, n: int) -> RowArray:
        """Up to `n` rows near to a query vector, int64; all of them if there are fewer."""
        return self._rows_of(self.nearest_said(query_vector, n, self._live, ANYTHING))

    def entries_of(self, rows: RowSet) -> RowSet:
        """The entries of these rows, as a set of entries."""
        return RowSet.of_mask(rows.mask[self.rows] & (self.rows >= 0))

    def nearest_among(
        self,
        query_vector: Vectors,
        n: int,
        entries: RowSet,
        *,
        exact_up_to: int,
        wanted: Filters | None,
    ) -> RowArray:
        """Up to `n` rows near to a query vector among those of these entries, int64.

        The filter that they pass goes to the engine in the place of the entries. What it finds is
        looked at again here, and what has changed since joins it.
        """
        if len(entries) <= max(exact_up_to, FEW):
            return self._rows_of(self._among(query_vector, n, entries))
        return self._rows_of(self.nearest_said(query_vector, n, entries, self._said(wanted)))

    def _said(self, wanted: Filters | None) -> Expression:
        if wanted is None:
            return ANYTHING
        fields: dict[str, FilterField] = {
            name: one
            for name, one in self.index.fields.items()
            if len(self.changed.get(name, ())) <= MOST_CHANGED
        }
        return expression_of(wanted, self.index.items, fields)

    def nearest_said(
        self, query_vector: Vectors, n: int, entries: RowSet, said: Expression
    ) -> RowArray:
        """Entries near to the query among these, which pass an expression: `n`, or all there are.

        What is not found is scored here.
        """
        wanted = min(n, len(entries))
        own = self._own(entries, said)
        for n_asked, text in self._asked(wanted, len(entries), said):
            found = self.index.search(query_vector, n_asked, text)
            passing = found[entries.has(found)]
            if len(passing) >= min(wanted, len(entries) - len(own)):
                return np.union1d(passing, own)
        return self._among(query_vector, n, entries)

    def _asked(self, wanted: int, n_passing: int, said: Expression) -> Iterator[tuple[int, str]]:
        """How many entries to ask for and by which expression, one way after the other.

        A graph is searched deeper without a filter where many pass: with one it loses its way among
        nodes that do not count. None where scoring what passes is less work, or nothing can help.
        """
        if not wanted:
            return
        needed = wanted * len(self.rows) / n_passing
        deep = math.ceil(needed * _OVERFETCH * _DEEPER) + _SPARE
        are_many = n_passing >= _MANY * len(self.rows)
        if self.index.is_graph and said.text and are_many and deep <= _MOST_WALKED:
            if deep >= n_passing:
                return
            yield deep, ""
        to_find = wanted if said.complete else needed
        depth = math.ceil(to_find * _OVERFETCH) + _SPARE
        if depth < n_passing and to_find <= MOST_FOUND:
            yield min(depth, MOST_FOUND), said.text
            yield min(depth * _AGAIN, MOST_FOUND), said.text

    def _own(self, entries: RowSet, said: Expression) -> RowArray:
        """Those of these entries that the collection may not know to pass."""
        changed = [self.changed[name] for name in said.names if name in self.changed]
        if not changed:
            return np.empty(0, np.int64)
        every = np.unique(np.concatenate(changed))
        return every[entries.has(every)]

    def _among(self, query_vector: Vectors, n: int, entries: RowSet) -> RowArray:
        """The best of these entries, each of them scored here."""
        return best_among(query_vector, self.index.vectors, entries.rows, n).rows

    @cached_property
    def _live(self) -> RowSet:
        return RowSet.of_mask(self.rows >= 0)

    def _rows_of(self, entries: RowArray) -> RowArray:
        return self.rows[entries].astype(np.int64)


def in_version(collection: MilvusCollection, rows: EntryRows, items: ItemTable) -> CollectedSegment:
    """A collection as it stands in a version with these rows and item columns."""
    before, after = (collection.items, collection.rows), (items, rows)
    changed = {}
    for name, one in collection.fields.items():
        entries = changed_entries(one, before, after)
        if entries is None:
            entries = np.arange(len(rows))
        if len(entries):
            changed[name] = entries
    return CollectedSegment(collection, rows, changed)


def _checked(params: Mapping[str, int | float | str]) -> tuple[dict[str, int], dict[str, int]]:
    """The search parameters, without a filter and with one.

    Raises BundleCorrupt for one that a server must not be given.
    """
    found: dict[str, int] = {}
    filtered: dict[str, int] = {}
    for name, most in _MOST.items():
        for key, own in ((name, found), (f"{name}{FILTERED}", filtered)):
            value = params.get(key)
            if value is None:
                continue
            if type(value) is not int or not 1 <= value <= most:
                raise BundleCorrupt(
                    f"manifest.json: retrieval.params.{key}: expected 1 to {most}, found {value!r}"
                )
            own[name] = value
    return found, {**found, **filtered}
