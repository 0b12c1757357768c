"""Where the index of a catalogue's vectors is: in the bundle, or in an engine beside it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from indexing.catalog.quoting import quoted
from indexing.catalog.sources import Table

_SERVER = re.compile(r"https?://(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")
_FILE = re.compile(r"/[^\0]*\.db")


class Backend(StrEnum):
    """What retrieves."""

    FAISS = "faiss"
    MILVUS = "milvus"


class CollectionIndex(StrEnum):
    """How a collection is indexed: a graph, or lists around centres, which take less memory."""

    HNSW = "HNSW"
    IVF_FLAT = "IVF_FLAT"


def _check_uri(uri: str) -> str:
    if _SERVER.fullmatch(uri) or _FILE.fullmatch(uri):
        return uri
    raise ValueError(
        f"expected a server like http://127.0.0.1:19530, without a user (MILVUS_TOKEN is for that),"
        f" or the absolute path of a file of Milvus Lite that ends in .db, found {quoted(uri)}"
    )


class RetrievalConfig(Table):
    """`faiss` keeps the index in the bundle; `milvus` keeps it in the server at `uri`.

    Segments of up to 10,000 items that stand beside others are in the bundle in any case.
    """

    backend: Backend = Backend.FAISS
    uri: Annotated[str, AfterValidator(_check_uri)] | None = Field(default=None, max_length=500)
    index: CollectionIndex = CollectionIndex.HNSW

    @model_validator(mode="after")
    def _names_a_server(self) -> Self:
        if (self.backend is Backend.MILVUS) is (self.uri is None):
            raise ValueError('a uri goes with backend = "milvus", and no other')
        return self
