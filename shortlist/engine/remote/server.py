"""A Milvus server as this process asks it: connected when first needed, timed, left alone if away.

The one module that imports pymilvus, and only where a bundle names a collection: it brings pandas,
gRPC and 126 MB.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.engine.clock import time_left_s
from shortlist.engine.remote.circuit import Circuit
from shortlist.engine.remote.expressions import KEY
from shortlist.errors import RetrievalUnavailable, SettingsError

if TYPE_CHECKING:
    from pymilvus import MilvusClient

log = logging.getLogger(__name__)

VECTOR = "vector"
MOST_FOUND = 16_384
"""Rows of one answer: what a server gives at most."""

SEARCH_S = 2.0
"""An answer takes milliseconds: one that takes so long is not waited for."""

_LOOK_S = 1.0
_CONNECT_S = 1.0
_CONSISTENCY = "Bounded"
"""A collection is whole before it is named: nothing that was written has to be waited for."""

_REFUSED = "parse expression"
"""What a server says that is well and does not take a filter."""

_SHOWN = 200
T = TypeVar("T")


class MilvusServer:
    """One server. Threads share it; every error is RetrievalUnavailable."""

    def __init__(self, uri: str, token: str = "") -> None:
        self.uri = uri
        self._token = token
        self._client: MilvusClient | None = None
        self._connecting = threading.Lock()
        self._look: Callable[[MilvusClient, float], object] = _version
        self.circuit = Circuit()

    def search(
        self,
        collection: str,
        queries: Vectors,
        n_found: int,
        *,
        params: Mapping[str, int],
        expression: str = "",
        timeout_s: float = SEARCH_S,
    ) -> list[RowArray]:
        """The keys that a collection's index finds for each query (float32 [q, dim]), best first.

        It takes so long at most, and no longer than the request that this thread answers may.
        """
        search = partial(
            _search, collection, queries, n_found, params=params, expression=expression
        )
        found = self.ask(search, timeout_s=time_left_s(timeout_s))
        self._look = partial(_search, collection, queries[:1], 1, params=params)
        return found

    def ask(self, action: Callable[[MilvusClient, float], T], *, timeout_s: float) -> T:
        """What the server answers to an action within so long; a circuit keeps off who is away."""
        wait_s = self.circuit.wait_s()
        if wait_s:
            raise self._away(f"{self.circuit.problem}; asked again soon", wait_s)
        try:
            answer = action(self._connected(timeout_s), timeout_s)
        except Exception as error:  # a hung server raises gRPC's own, others pymilvus'
            problem = f"Milvus at {self.uri}: {_told(error)}"
            if _REFUSED in problem:
                self.circuit.succeeded()
                raise self._away(problem, 0.0) from error
            self._note_failure(problem)
            raise self._away(problem, self.circuit.rest_s) from error
        if self.circuit.problem is not None:
            log.warning("Milvus at %s answers again", self.uri)
        self.circuit.succeeded()
        return answer

    def _note_failure(self, problem: str) -> None:
        was_asked = self.circuit.problem is None
        self.circuit.failed(problem)
        self.disconnect()
        if was_asked and self.circuit.problem is not None:
            log.warning("%s; it is left alone for a while", problem)

    def problem(self) -> str | None:
        """Why it is not asked; None where it is.

        One that may be back is searched as it was last: it answers other questions long before.
        """
        if self.circuit.is_due:
            try:
                self.ask(self._look, timeout_s=_LOOK_S)
            except RetrievalUnavailable as error:
                return str(error)
        return self.circuit.problem

    def _away(self, problem: str, wait_s: float) -> RetrievalUnavailable:
        return RetrievalUnavailable(problem, retry_after_s=max(1, math.ceil(wait_s)))

    def _connected(self, timeout_s: float) -> MilvusClient:
        client = self._client
        if client is not None:
            return client
        if not self._connecting.acquire(timeout=timeout_s):
            raise TimeoutError("somebody else is still connecting")
        try:
            if self._client is None:
                self._client = self._connect(time.monotonic() + timeout_s)
            return self._client
        finally:
            self._connecting.release()

    def _connect(self, ends_at: float) -> MilvusClient:
        """A new connection; tried in short turns, for a turn's length is kept by pymilvus.

        When a server breaks off, it connects again inside of whatever call was under way, for as
        long as the first connection was given, not the call.
        """
        while True:
            began = time.monotonic()
            turn_s = max(0.0, min(_CONNECT_S, ends_at - began))
            try:
                return _client_class()(self.uri, token=self._token, timeout=turn_s)
            except Exception:  # gRPC's own, or pymilvus'
                ended = time.monotonic()
                was_refused = ended - began < 0.9 * turn_s
                if was_refused or ended >= ends_at:
                    raise

    def disconnect(self) -> None:
        """Forget a connection over which something failed: gRPC would try it less and less."""
        client, self._client = self._client, None
        if client is not None:
            try:
                client.close()
            except Exception as error:  # it is gone in any case
                log.debug("closing a connection to Milvus: %s", error)


def _search(
    collection: str,
    queries: Vectors,
    n_found: int,
    client: MilvusClient,
    timeout_s: float,
    *,
    params: Mapping[str, int],
    expression: str = "",
) -> list[RowArray]:
    found = client.search(
        collection,
        data=list(queries),
        anns_field=VECTOR,
        limit=n_found,
        filter=expression,
        output_fields=[KEY],
        search_params={"metric_type": "IP", "params": dict(params)},
        consistency_level=_CONSISTENCY,
        timeout=timeout_s,
    )
    return [np.array(list(one.ids), np.int64) for one in found]


def _version(client: MilvusClient, timeout_s: float) -> object:
    """Something to ask a server that was never searched."""
    return client.get_server_version(timeout=timeout_s)


_servers: dict[tuple[str, str, int], MilvusServer] = {}
_finding = threading.Lock()


def server_at(uri: str) -> MilvusServer:
    """The server at this address, one for a process; MILVUS_URI in the environment replaces it.

    MILVUS_TOKEN is what it asks for, `user:password` or a key.
    """
    own = os.environ.get("MILVUS_URI") or uri, os.environ.get("MILVUS_TOKEN", ""), os.getpid()
    with _finding:
        if own not in _servers:
            _servers[own] = MilvusServer(own[0], own[1])
        return _servers[own]


def _client_class() -> type[MilvusClient]:
    """The client of pymilvus; its import reads no .env file, and its log is ours to write."""
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise SettingsError(
            "this bundle's index is in Milvus: install shortlist[milvus]"
        ) from error
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
    found: type[MilvusClient] = MilvusClient
    return found


def _told(error: Exception) -> str:
    """What an error says, in one short line."""
    code = getattr(error, "code", None)
    said = str(code()) if callable(code) else str(getattr(error, "message", "") or error)
    return " ".join(said.split())[:_SHOWN] or type(error).__name__
