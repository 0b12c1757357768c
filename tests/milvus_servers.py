"""A real Milvus server for the tests that need one, started once for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import milvus_server as module
from benchmarks.milvus_server import MilvusServer, NoNetwork

__all__ = ["MilvusServer", "milvus_server"]


@pytest.fixture(scope="session")
def milvus_server() -> Iterator[MilvusServer]:
    """A running server."""
    pytest.importorskip("milvus", reason="the server is for x86: pip install milvus")
    try:
        with module.milvus_server() as server:
            yield server
    except NoNetwork as error:
        pytest.skip(str(error))
