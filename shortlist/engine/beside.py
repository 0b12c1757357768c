"""Work of one query that goes on in two threads at once, where there is much of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import TypeVar

T = TypeVar("T")

MANY_ITEMS = 200_000
"""From so many items on lanes take milliseconds: a thread that has to be woken takes 0.1."""

_MOST_THREADS = 32


def beside(n_items: int, work: Callable[[], T]) -> Callable[[], T]:
    """What gives the result of the work, or raises what it raised: to be called once.

    Of a large catalogue the work is done by another thread meanwhile, with the context of this one
    (the request's deadline), else when it is asked for.
    """
    if n_items < MANY_ITEMS:
        return work
    return _threads().submit(copy_context().run, work).result


@cache
def _threads() -> ThreadPoolExecutor:
    """Made when it is first needed, which is after any fork; its threads with the work."""
    return ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="lanes")
