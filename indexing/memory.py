"""Memory that a step needed for a while, given back to the system at its end."""

from __future__ import annotations

import ctypes

import pyarrow as pa


def give_back() -> None:
    """Hand freed memory that Arrow and the C library keep for later back to the system.

    Each keeps hundreds of megabytes of what a step over a million items freed, in pieces that the
    next step may not use. Where the C library has no such call, only Arrow's is given back.
    """
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
