"""Events are read and written by a process of their own, beside the worker that takes them.

A hundred events cost some 3 ms of Python, a third of it to read them, the rest to write them. In
the process that searches, each request would hold up whatever is searched at that moment.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from service.event_writing import EventWriter, Sent, Taken, Writer
from shortlist.errors import EventStoreError, QueryError
from shortlist.events.logged import LoggedQuery
from shortlist.events.person import Pseudonyms

_END_S = 10.0


class EventProcess:
    """The `Writer` over the store at a url, in a process that is begun when it is first needed.

    The process ends when this one does, whatever ends it; one that ended is begun anew.
    """

    def __init__(self, url: str, pseudonyms: Pseudonyms) -> None:
        self._begin_with = (url, pseudonyms)
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def write(
        self, sent: Sequence[Sent], answers: Sequence[LoggedQuery]
    ) -> list[Taken | QueryError]:
        """See `Writer`."""
        taken: list[Taken | QueryError] = self._ask("write", sent, answers)
        return taken

    def check(self, *, writes: bool) -> None:
        """See `Writer`."""
        self._ask("check", writes=writes)

    def close(self) -> None:
        """See `Writer`. What the process is writing is written."""
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, name: str, *given: object, **options: object) -> Any:
        try:
            pipe = self._pipe or self._begin()
            pipe.send((name, given, options))
            answer, error = pipe.recv()
        except (OSError, EOFError) as problem:
            self.close()
            raise EventStoreError("the process that writes events has ended") from problem
        if error is not None:
            raise error
        return answer

    def _begin(self) -> Connection:
        here, there = socket.socketpair()
        with here, there:
            self._process = subprocess.Popen(  # noqa: S603  # this program again
                [sys.executable, "-m", "service.event_process", str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # what a terminal sends is for the service
            )
            self._pipe = Connection(here.detach())
        self._pipe.send(self._begin_with)
        return self._pipe


def main(descriptor: int) -> None:
    """Do what is asked for at the other end of the socket until that is closed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # for the service: this ends when that has
    pipe = Connection(descriptor)
    with suppress(EOFError, ConnectionError):
        url, pseudonyms = pipe.recv()
        writer = EventWriter(partial(_open, url), pseudonyms)
        while True:
            name, given, options = pipe.recv()
            pipe.send(_answer(writer, name, given, options))


def _answer(
    writer: Writer, name: str, given: Sequence[Any], options: dict[str, Any]
) -> tuple[Any, Exception | None]:
    try:
        return getattr(writer, name)(*given, **options), None
    except EventStoreError as error:
        return None, error
    except Exception as error:  # a defect: the other end says where it is
        told = RuntimeError(f"{type(error).__name__} in the process that writes events")
        told.add_note(traceback.format_exc())
        return None, told


def _open(url: str) -> Any:
    """The store; SQLAlchemy is loaded here."""
    from shortlist.events.store import EventStore

    return EventStore.open(url)


if __name__ == "__main__":
    main(int(sys.argv[1]))
