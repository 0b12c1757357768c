"""Work beside a query's own: done by another thread where there is much, as if it were not."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from shortlist.engine.beside import MANY_ITEMS, beside

deadline: ContextVar[int] = ContextVar("deadline", default=0)


@pytest.mark.parametrize(("n_items", "here"), [(MANY_ITEMS - 1, True), (MANY_ITEMS, False)])
def test_another_thread_does_it_where_there_are_many_items(n_items: int, here: bool) -> None:
    result = beside(n_items, threading.get_ident)
    assert (result() == threading.get_ident()) == here


@pytest.mark.parametrize("n_items", [1, MANY_ITEMS])
def test_it_has_the_context_of_who_asked(n_items: int) -> None:
    token = deadline.set(7)
    try:
        assert beside(n_items, deadline.get)() == 7
    finally:
        deadline.reset(token)


@pytest.mark.parametrize("n_items", [1, MANY_ITEMS])
def test_what_it_raises_is_raised_to_who_asked(n_items: int) -> None:
    def fails() -> None:
        raise KeyError("lane")

    with pytest.raises(KeyError, match="lane"):
        beside(n_items, fails)()


def test_large_work_begins_before_it_is_asked_for() -> None:
    begun = threading.Event()
    result = beside(MANY_ITEMS, begun.set)
    assert begun.wait(10)
    result()
