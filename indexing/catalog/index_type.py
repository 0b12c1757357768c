"""The kinds of FAISS index that a catalogue may ask for."""

from __future__ import annotations

import re

from indexing.catalog.quoting import quoted

INDEX_PARTS = (
    "Flat, RFlat, SQ4, SQ6, SQ8, SQfp16, SQbf16, HNSWm, IVFn, PQm, PQmx8, PCAd, OPQm, IDMap"
)
"""What a FAISS factory string may be made of; a number in it is not 0 and has few digits."""

_INDEX_PART = re.compile(
    r"Flat|RFlat|IDMap|SQ(4|6|8|fp16|bf16)|HNSW([2-9]|[1-9]\d)|IVF[1-9]\d{0,5}(_HNSW([2-9]|[1-9]\d))?"
    r"|PQ[1-9]\d{0,2}(x(4|6|8|10|12)(fs)?)?|PCAR?[1-9]\d{0,3}|OPQ[1-9]\d{0,2}(_[1-9]\d{0,3})?",
    re.ASCII,
)
_MOST_PARTS = 5


def check_index_type(factory: str) -> str:
    """The type of an index, as it was given. Raises ValueError for one of unknown parts."""
    parts = factory.split(",")
    if factory in {"auto", "flat"}:
        return factory
    for part in parts:
        if not _INDEX_PART.fullmatch(part):
            raise ValueError(f"{quoted(part)} is none of auto, flat, {INDEX_PARTS}")
    if factory.startswith("IVF") and factory.endswith("fs"):
        raise ValueError("codes that are gone through (fs) stand in no lists (IVF): leave one away")
    if len(parts) > _MOST_PARTS:
        raise ValueError(f"expected at most {_MOST_PARTS} parts")
    return factory
