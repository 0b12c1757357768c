"""Making one collection: fields, entries, index, each step waited for."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from indexing.catalog.retrieval import CollectionIndex
from indexing.collecting.entries import batch_of, columns_of, declared, lots_of
from shortlist.engine.remote.collection import MilvusCollection
from shortlist.engine.remote.expressions import KEY, LOT
from shortlist.engine.remote.server import VECTOR, MilvusServer
from shortlist.errors import RetrievalUnavailable

if TYPE_CHECKING:
    from pymilvus import MilvusClient

log = logging.getLogger(__name__)

_BATCH_ROWS = 2_000
_CALL_S, _FLUSH_S = 60.0, 600.0
_LOOK_S = 0.2
_GRAPH = {"M": 32, "efConstruction": 200}
_MOST_LISTS = 65_536


def make(collection: MilvusCollection, index: CollectionIndex) -> None:
    """Make a collection of what it is to hold, index it, load it and check it.

    Raises RetrievalUnavailable where the server does not do what it is asked.
    """
    _Made(collection, index).make()


class _Made:
    """A collection while it is made."""

    def __init__(self, collection: MilvusCollection, index: CollectionIndex) -> None:
        self._of, self._index = collection, index
        self._server: MilvusServer = collection.server

    def make(self) -> None:
        """Every step, each waited for: what is asked earlier finds half of what there is."""
        self._ask(self._create)
        self._insert()
        self._server.ask(
            lambda client, time_s: client.flush(self._of.name, timeout=time_s), timeout_s=_FLUSH_S
        )
        self._ask(self._order_index)
        self._wait_for("index", self._is_indexed)
        self._ask(self._order_loading)
        self._wait_for("loading", self._of.is_loaded)
        self._of.check()

    def _ask(self, action: Callable[[MilvusClient, float], Any]) -> Any:
        return self._server.ask(action, timeout_s=_CALL_S)

    def _create(self, client: MilvusClient, time_s: float) -> None:
        from pymilvus import DataType

        client.drop_collection(self._of.name, timeout=time_s)  # what a killed build left of it
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(KEY, DataType.INT64, is_primary=True)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=self._of.vectors.shape[1])
        schema.add_field(LOT, DataType.INT32)
        for field in self._of.fields.values():
            for name, kind, how in declared(field, self._of.items):
                schema.add_field(name, DataType[kind], **how)
        client.create_collection(self._of.name, schema=schema, timeout=time_s)

    def _insert(self) -> None:
        of = self._of
        columns = [columns_of(one, of.items, of.rows) for one in of.fields.values()]
        columns.append(lots_of(len(of.vectors)))
        for begin in range(0, len(of.vectors), _BATCH_ROWS):
            end = min(begin + _BATCH_ROWS, len(of.vectors))
            self._ask(partial(_insert, of.name, batch_of(of.vectors, columns, begin, end)))

    def _order_index(self, client: MilvusClient, time_s: float) -> None:
        wanted = client.prepare_index_params()
        params = _GRAPH if self._index is CollectionIndex.HNSW else self._lists
        wanted.add_index(VECTOR, index_type=self._index.value, metric_type="IP", params=params)
        client.create_index(self._of.name, wanted, timeout=time_s, sync=False)

    def _order_loading(self, client: MilvusClient, time_s: float) -> None:
        client.load_collection(self._of.name, timeout=time_s, _async=True)

    @property
    def _lists(self) -> dict[str, int]:
        return {"nlist": min(_MOST_LISTS, 4 * math.isqrt(len(self._of.vectors)) or 1)}

    def _is_indexed(self, client: MilvusClient, time_s: float) -> bool:
        found = client.describe_index(self._of.name, VECTOR, timeout=time_s)
        if found["state"] == "Failed":
            raise RetrievalUnavailable(f"Milvus at {self._server.uri}: the index failed: {found}")
        n_pending = found["pending_index_rows"]
        return bool(found["state"] == "Finished" and not n_pending)

    def _wait_for(self, what: str, done: Callable[[MilvusClient, float], bool]) -> None:
        """Until it is done: each look has its time, the whole has as long as it takes."""
        started = time.monotonic()
        while not self._ask(done):
            time.sleep(_LOOK_S)
        log.info("%s of %s: %.1f s", what, self._of.name, time.monotonic() - started)


def _insert(name: str, entries: list[dict[str, Any]], client: MilvusClient, time_s: float) -> None:
    client.insert(name, entries, timeout=time_s)
