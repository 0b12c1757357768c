"""The lock as an object: held by being written again and again, so that it outlives no holder."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shortlist.bundle.locks import BRIEFLY_S
from shortlist.bundle.remote.objects import Found, Objects, Tag
from shortlist.errors import PublishError, StoreError

LOCK = "LOCK"
BEAT_S = 2.0
"""A holder writes the lock anew every so many seconds."""

EXPIRED_S = 12.0
"""One that has not been written for so long, by the clock of who waits for it, is free."""

_MARGIN_S = 3.0
_LOOK_S = 0.25
_FREE = b"{}\n"


class Lease:
    """The lock of an address while somebody here holds it. No two clocks are compared."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._tag: Tag | None = None
        self._token, self._n_beats = secrets.token_hex(8), 0
        self._briefly = False
        self._lost = False
        self._written_at = 0.0
        self._stop = threading.Event()

    @contextmanager
    def held(self, *, briefly: bool, taken_over: Callable[[], None]) -> Iterator[None]:
        """Be the only writer; `taken_over` is called first where a holder has fallen silent.

        Raises PublishError saying who holds it, and StoreError, also for a store that does not keep
        to conditions, before anything but the lock is written.
        """
        self._briefly = briefly
        was_silent = self._take()
        thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        thread.start()
        try:
            self._prove()
            if was_silent:
                taken_over()
            yield
        finally:
            self._stop.set()
            thread.join()
            self._release()

    def require(self) -> None:
        """Raises PublishError when the lock may be somebody else's by now."""
        if self._lost or _now() - self._written_at > EXPIRED_S - _MARGIN_S:
            raise PublishError(
                f"{self._objects.address}/{LOCK}: was lost to somebody else, as this writer was"
                " silent too long; nothing is published; run again"
            )

    def _take(self) -> bool:
        """Take the lock; returns whether its last holder fell silent without giving it back."""
        began, last, since = _now(), None, 0.0
        while True:
            found = self._objects.content(LOCK)
            if found is None or found.content == _FREE:
                if self._write(found):
                    return False
                continue
            if last is None or found.tag != last.tag:
                if last is not None and not self._is_waited_for(found, began):
                    raise PublishError(
                        f"{self._objects.address}: somebody else is writing here: {_holder(found)}"
                    )
                last, since = found, _now()
            elif _now() - since > EXPIRED_S and self._write(found):
                return True
            time.sleep(_LOOK_S)

    def _is_waited_for(self, found: Found, began: float) -> bool:
        """Whether a holder who lives is waited for: one that has the lock briefly, again."""
        return b'"briefly": true' in found.content and not (
            self._briefly or _now() - began > BRIEFLY_S
        )

    def _write(self, before: Found | None) -> bool:
        """Write the lock as ours in the place of what was found; returns whether it is."""
        content, at = self._content(), _now()
        if before is None:
            tag = self._objects.create(LOCK, content)
        else:
            tag = self._objects.replace(LOCK, content, before.tag)
        if tag is None:  # somebody was faster, or the answer to an attempt was lost
            found = self._objects.content(LOCK)
            if found is None or found.content != content:
                return False
            tag = found.tag
        self._tag, self._written_at = tag, at
        return True

    def _prove(self) -> None:
        """Raise StoreError where a write goes through whose condition does not hold.

        A store that knows no conditions may ignore them, and answer that all is well.
        """
        assert self._tag is not None
        content = self._content()
        if self._objects.create(LOCK, content) or self._objects.replace(
            LOCK, content, self._tag.of_another()
        ):
            raise StoreError(
                f"{self._objects.address}: the store replaces objects whatever the condition of a"
                " request says (If-Match, If-None-Match): two builders would undo each other's"
                " work; expected a store that keeps to them"
            )

    def _content(self) -> bytes:
        self._n_beats += 1
        who = {"pid": os.getpid(), "host": socket.gethostname(), "briefly": self._briefly}
        return (json.dumps({**who, "holder": self._token, "beat": self._n_beats}) + "\n").encode()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_S):
            assert self._tag is not None
            try:
                if not self._write(Found(b"", self._tag)):
                    self._lost = True
                    return
            except StoreError:
                continue  # `require` tells when that has lasted too long

    def _release(self) -> None:
        """Give it back, unless it is somebody else's by now."""
        if self._lost or self._tag is None:
            return
        try:
            self._objects.replace(LOCK, _FREE, self._tag)
        except StoreError:
            return  # it expires


def _holder(found: Found) -> str:
    """Who holds the lock, as it says itself."""
    try:
        said = json.loads(found.content)
        return json.dumps({name: said.get(name) for name in ("pid", "host", "briefly")})
    except (ValueError, AttributeError):
        return "an unknown process"


def _now() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
