"""Watching CURRENT and BLOCKLIST: load what is named, swap it in, or keep what serves."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from service.live import SnapshotHolder
from shortlist.bundle import layout
from shortlist.bundle.blocklist import Blocklist, read_blocklist
from shortlist.bundle.files import write_durably
from shortlist.bundle.manifest import is_version_name
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import NotReady, ShortlistError

log = logging.getLogger(__name__)

_RETRY_S = 30.0


class Reloader:
    """Keeps a holder's snapshot at the live version, and blocked items out of it.

    A version that cannot be used is refused: the old one serves on, and the refused one is
    tried again after 30 s, or at once when CURRENT names another. `last_good` is a file that
    the workers of one service share: the version that last passed. A worker that starts on a
    refused CURRENT loads that one; a service that starts fresh has no such file yet.
    """

    def __init__(
        self,
        artifacts: Path,
        holder: SnapshotHolder,
        options: LoadOptions,
        *,
        poll_s: float,
        last_good: Path | None = None,
    ) -> None:
        self._store = ArtifactStore(artifacts)
        self._holder = holder
        self._options = options
        self._poll_s = poll_s
        self._last_good = last_good
        self._retry_at = 0.0
        self._blocklist: Blocklist | None = None
        self._applying = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Load the live version now, then watch for others in the background.

        The blocklist has a thread of its own: a takedown does not wait for a load.
        """
        self._guarded(self.check)
        if self._holder.peek() is None:
            self._guarded(self._load_last_good)
        for name, look in (("reloader", self.check), ("blocklist", self.check_blocklist)):
            thread = threading.Thread(target=self._watch, args=(look,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End the watching; returns when the threads are gone."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Load the live version if it is not in use."""
        if self._blocklist is None:
            self.check_blocklist()
        try:
            folder = self._store.live_folder()
        except ShortlistError as error:
            self._refuse(None, str(error))
            return
        loaded = self._holder.peek()
        if loaded is not None and loaded.version == folder.name:
            self._holder.settle()
            return
        if self._holder.refused == folder.name and time.monotonic() < self._retry_at:
            return
        problem = self._try(folder, sharing=loaded)
        if problem is not None:
            self._refuse(folder.name, problem)
            self._retry_at = time.monotonic() + _RETRY_S
            return
        self._holder.settle()
        self._remember(folder.name)

    def _try(self, folder: Path, *, sharing: Snapshot | None = None) -> str | None:
        """Load a version and put it in use; returns what is wrong with it, None when all is well.

        An error nobody foresaw refuses the version like any other: it must end neither the
        worker nor what it serves.
        """
        try:
            snapshot = load_snapshot(folder, self._options, sharing=sharing)
            with self._applying:
                if self._blocklist is None:
                    raise NotReady(str(self._holder.blocklist_problem))
                rows = self._blocklist.rows(snapshot.bundle.ids)
                self._holder.swap(replace(snapshot, blocked_rows=rows))
        except ShortlistError as error:
            return str(error)
        except Exception as error:
            log.exception("loading %s failed", folder.name)
            return f"{folder.name}: loading failed: {type(error).__name__}"
        log.info("serving %s: %d items", snapshot.version, snapshot.bundle.n_items)
        return None

    def check_blocklist(self) -> None:
        """Read BLOCKLIST and take what it names out of the answers.

        One that cannot be read leaves the list read before in force and is reported; a worker
        that has not read one yet serves nothing until it can.
        """
        path = self._store.root / layout.BLOCKLIST
        try:
            blocklist = read_blocklist(path)
        except (OSError, UnicodeDecodeError) as error:
            self._report_blocklist(f"{path}: cannot be read: {error}")
            return
        self._report_blocklist(None)
        if blocklist == self._blocklist:
            return
        with self._applying:
            snapshot = self._holder.peek()
            if snapshot is not None:
                rows = blocklist.rows(snapshot.bundle.ids)
                self._holder.put(replace(snapshot, blocked_rows=rows))
            known, self._blocklist = self._blocklist, blocklist
        if blocklist.ids or known is not None:
            log.info("blocklist: %d ids", len(blocklist.ids))

    def _report_blocklist(self, problem: str | None) -> None:
        if problem is not None and problem != self._holder.blocklist_problem:
            log.error("%s", problem)
        self._holder.blocklist_problem = problem

    def _load_last_good(self) -> None:
        """Load the version that another worker of this service last served."""
        try:
            text = self._last_good.read_text(encoding="ascii") if self._last_good else ""
        except OSError:
            return
        version = text.strip()
        if is_version_name(version) and (problem := self._try(self._store.folder(version))):
            log.error("%s, which served before, cannot be loaded either: %s", version, problem)

    def _remember(self, version: str) -> None:
        """Note the version for workers to come; not being able to is no reason to stop."""
        if self._last_good is None:
            return
        try:
            self._last_good.parent.mkdir(exist_ok=True)
            write_durably(self._last_good, f"{version}\n".encode())
        except OSError as error:
            log.warning("%s cannot be written: %s", self._last_good, error)

    def _watch(self, look: Callable[[], None]) -> None:
        while not self._stop.wait(self._poll_s):
            self._guarded(look)

    def _guarded(self, look: Callable[[], None]) -> None:
        """Neither the worker nor the watching ends by an error that nobody foresaw."""
        try:
            look()
        except Exception:
            log.exception("looking at %s failed; trying again", self._store.root)

    def _refuse(self, version: str | None, problem: str) -> None:
        """Say a problem once; it is what /readyz and a 503 tell."""
        named = version is None or version in problem
        message = problem if named else f"{version}: {problem}"
        if self._holder.refuse(version, message):
            log.error("%s", message)
