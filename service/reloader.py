"""Watching CURRENT and BLOCKLIST: load what is named, swap it in, or keep what serves."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from service.attempts import Attempts, try_apart
from service.live import SnapshotHolder
from shortlist.bundle import layout
from shortlist.bundle.blocklist import Blocklist
from shortlist.bundle.store import ArtifactStore
from shortlist.bundle.stores import open_store
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import NotReady, ShortlistError, StoreError

log = logging.getLogger(__name__)

_RETRY_S = 30.0


class Reloader:
    """Keeps a holder's snapshot at the live version, and blocked items out of it.

    A version that cannot be used is refused: the old one serves on, and the refused one is
    tried again after 30 s, or at once when CURRENT names another. A load that is not done within
    `load_s` is given up. One that took so long, or in which a process ended, is tried in a process
    of its own before it is loaded here again. `memory` is a folder in which the workers of one
    service share what they know of versions. A worker that starts on a version that cannot be used
    serves the one that last passed, or else one that was live before it. `beside` is what else is
    looked at, by name, each by a thread of its own.
    """

    def __init__(
        self,
        artifacts: Path | ArtifactStore,
        holder: SnapshotHolder,
        options: LoadOptions,
        *,
        poll_s: float,
        load_s: float = 120.0,
        memory: Path | None = None,
        beside: Mapping[str, Callable[[], None]] = MappingProxyType({}),
    ) -> None:
        self._beside = beside
        self._store = open_store(artifacts)
        self._holder = holder
        self._options = options
        self._poll_s = poll_s
        self._load_s = load_s
        self._attempts = Attempts(memory)
        self._given_up: set[str] = set()
        self._retry_at = 0.0
        self._blocked = self._store.blocklist()
        self._blocklist: Blocklist | None = None
        self._applying, self._reading = threading.Lock(), threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Load the live version now, then watch for others in the background.

        The blocklist has a thread of its own: a takedown does not wait for a load.
        """
        self._guarded(self.check)
        if self._holder.peek() is None:
            self._guarded(self._load_one_before)
        for look in self._beside.values():
            self._guarded(look)
        watched = {"reloader": self.check, "blocklist": self.check_blocklist, **self._beside}
        for name, look in watched.items():
            thread = threading.Thread(target=self._watch, args=(name, look), name=name, daemon=True)
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
            with self._holder.looking("CURRENT", self._poll_s):
                version = self._store.live_version()
        except ShortlistError as error:
            self._refuse(None, str(error))
            return
        loaded = self._holder.peek()
        if loaded is not None and loaded.version == version:
            self._settle(version)
            return
        if self._holder.refused == version:
            if time.monotonic() < self._retry_at:
                return
            self._store.recheck(version)
        try:
            problem = self._try(self._store.fetched(version), sharing=loaded)
        except StoreError as error:  # it is away: asked again at the next look
            self._refuse(None, str(error))
            return
        except ShortlistError as error:
            problem = str(error)
        if problem is not None:
            self._refuse(version, problem)
            self._retry_at = time.monotonic() + _RETRY_S
            return
        self._holder.settle()
        self._attempts.passed(version)

    def _settle(self, version: str) -> None:
        """The live version is in use: all is well while its files are there."""
        try:
            folder = self._store.fetched(version)
        except ShortlistError as error:
            self._refuse(None, str(error))
            return
        if (folder / layout.MANIFEST).is_file():
            self._holder.settle()
        else:
            self._refuse(None, f"{folder}: is gone; it serves on from memory, and no longer")

    def _try(self, folder: Path, *, sharing: Snapshot | None = None) -> str | None:
        """Load a version and put it in use; returns what is wrong with it, None when all is well.

        Whatever happens refuses the version: it must end neither the worker nor what it serves.
        """
        version = folder.name
        if version in self._given_up or self._attempts.ended_a_process(version):
            problem = try_apart(folder, self._options, within_s=self._load_s)
            if problem is not None:
                return f"{version}: {problem}"
        found = self._loaded(folder, sharing)
        if isinstance(found, str):
            return found
        try:
            with self._applying:
                if self._blocklist is None:
                    raise NotReady(str(self._holder.blocklist_problem))
                rows = self._blocklist.rows(found.bundle.ids)
                self._holder.swap(replace(found, blocked_rows=rows))
        except ShortlistError as error:
            return str(error)
        log.info("serving %s: %d items", version, found.bundle.n_items)
        return None

    def _loaded(self, folder: Path, sharing: Snapshot | None) -> Snapshot | str:
        """A version, or what is wrong with it; loaded by a thread that can be given up on."""
        found: list[Snapshot | str] = []

        def load() -> None:
            with self._attempts.loading(folder.name):
                found.append(self._load(folder, sharing))

        thread = threading.Thread(target=load, name="loading", daemon=True)
        thread.start()
        thread.join(self._load_s)
        if found:
            return found[0]
        self._given_up.add(folder.name)
        return f"{folder.name}: not loaded within {self._load_s:g} s (load_s), given up"

    def _load(self, folder: Path, sharing: Snapshot | None) -> Snapshot | str:
        try:
            return load_snapshot(folder, self._options, sharing=sharing)
        except ShortlistError as error:
            return str(error)
        except BaseException as error:  # a panic of a library is no Exception
            log.exception("loading %s failed", folder.name)
            return f"{folder.name}: loading failed: {type(error).__name__}"

    def check_blocklist(self) -> None:
        """Read BLOCKLIST if it changed, and take what it names out of the answers.

        One that cannot be read leaves the list read before in force and is reported; a worker
        that has not read one yet serves nothing until it can.
        """
        try:
            with self._reading, self._holder.looking("BLOCKLIST", self._poll_s):
                blocklist = self._blocked.read()
            if not blocklist.ids and self._blocklist and self._blocklist.ids:
                self._store.live_version()  # without CURRENT the folder itself is gone
        except (OSError, UnicodeDecodeError, ShortlistError) as error:
            self._report_blocklist(f"{self._blocked.where}: cannot be read: {error}")
            return
        self._report_blocklist(None)
        if blocklist is not self._blocklist:
            self._apply(blocklist)

    def _apply(self, blocklist: Blocklist) -> None:
        began = time.monotonic()
        with self._applying:
            snapshot = self._holder.peek()
            if snapshot is not None:
                rows = blocklist.rows(snapshot.bundle.ids)
                self._holder.put(replace(snapshot, blocked_rows=rows))
            known, self._blocklist = self._blocklist, blocklist
        if blocklist.ids or known is not None:
            took_ms = 1e3 * (time.monotonic() - began)
            log.info("blocklist: %d ids, looked up in %.1f ms", len(blocklist.ids), took_ms)

    def _report_blocklist(self, problem: str | None) -> None:
        if problem is not None and problem != self._holder.blocklist_problem:
            log.error("%s", problem)
        self._holder.blocklist_problem = problem

    def _load_one_before(self) -> None:
        """Load the version that served last, here or in another worker, or was live before."""
        for version in dict.fromkeys(self._before()):
            if version == self._holder.refused:
                continue  # tried a moment ago
            problem = self._try(self._store.folder(version))
            if problem is None:
                return
            log.error("%s, which served before, cannot be loaded either: %s", version, problem)

    def _before(self) -> Iterator[str]:
        if version := self._attempts.last_good():
            yield version
        yield from self._store.at_hand()

    def _watch(self, name: str, look: Callable[[], None]) -> None:
        try:
            while not self._stop.wait(self._poll_s):
                self._guarded(look)
        finally:
            if not self._stop.is_set():
                self._end_worker(name)

    def _end_worker(self, name: str) -> None:
        """Without its watching a worker would serve one version for ever."""
        self._holder.refuse(None, f"the thread {name} has ended; the worker ends too")
        os.kill(os.getpid(), signal.SIGTERM)

    def _guarded(self, look: Callable[[], None]) -> None:
        """Neither the worker nor the watching ends by an error that nobody foresaw."""
        try:
            look()
        except BaseException:  # a panic of a library is no Exception
            log.exception("looking at %s failed; trying again", self._store.name)

    def _refuse(self, version: str | None, problem: str) -> None:
        """Say a problem once; it is what /readyz and a 503 tell."""
        named = version is None or version in problem
        message = problem if named else f"{version}: {problem}"
        if self._holder.refuse(version, message):
            log.error("%s", message)
