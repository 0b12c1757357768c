"""How a worker's memory allocator is set up."""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8  # as malloc.h of glibc numbers it
_ARENAS = 2


def share_arenas() -> bool:
    """Let the threads of this process share two arenas; whether the C library could.

    Glibc gives each thread an arena of its own, which keeps what its largest request took: some
    megabytes for each of three dozen threads where there are a million items. Call it before there
    are threads.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_ARENA_MAX, _ARENAS) == 1
