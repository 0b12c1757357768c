"""[retrieval] in catalog.toml: which backend, and where it is."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from indexing.catalog.retrieval import Backend, CollectionIndex, RetrievalConfig


def test_without_the_table_the_index_is_in_the_bundle() -> None:
    assert RetrievalConfig().backend is Backend.FAISS


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:19530", "https://milvus.example.org", "http://[::1]:19530", "/srv/a b.db"],
)
def test_a_server_or_a_file_is_named(uri: str) -> None:
    found = RetrievalConfig.model_validate({"backend": "milvus", "uri": uri, "index": "IVF_FLAT"})
    assert (found.uri, found.index) == (uri, CollectionIndex.IVF_FLAT)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"backend": "milvus"}, "a uri goes with"),
        ({"uri": "http://127.0.0.1:19530"}, "a uri goes with"),
        ({"backend": "milvus", "uri": "http://root:Milvus@host:19530"}, "without a user"),
        ({"backend": "milvus", "uri": "milvus.db"}, "absolute path"),
        ({"backend": "milvus", "uri": "http://host:19530/path"}, "expected a server"),
        ({"backend": "milvus", "uri": "http://host:19530\n"}, "expected a server"),
        ({"backend": "milvus", "uri": ""}, "expected a server"),
        ({"backend": "milvus", "uri": "http://h" + "o" * 500}, "at most 500"),
        ({"backend": "qdrant"}, "'faiss' or 'milvus'"),
        ({"backend": "milvus", "uri": "http://host", "index": "DISKANN"}, "'HNSW' or 'IVF_FLAT'"),
        ({"backend": "faiss", "token": "x"}, "Extra inputs"),
    ],
)
def test_anything_else_is_refused(table: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RetrievalConfig.model_validate(table)
