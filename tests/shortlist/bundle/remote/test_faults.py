"""A store that is away, cuts answers, lists what was, or answers wrongly."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

import shortlist
from indexing.versions import list_versions, verify
from shortlist.bundle.locks import Hold
from shortlist.bundle.manifest import Manifest, decode_manifest
from shortlist.bundle.reader import read_manifest
from shortlist.bundle.remote import cache, lease, objects
from shortlist.bundle.remote.cache import KEPT
from shortlist.bundle.remote.store import RemoteStore
from shortlist.bundle.store import ArtifactStore, OnStep, no_step
from shortlist.errors import BundleCorrupt, PublishError, StoreError
from tests.object_stores import (
    KEY,
    SECRET,
    Answer,
    Asked,
    Bucket,
    Cut,
    Fault,
    away,
    expired,
    refusal,
)

pytestmark = pytest.mark.usefixtures("quick_locks")
NUMBER = count()
Prepare = Callable[[dict[str, object]], object]


@pytest.fixture(autouse=True)
def _soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that fails is tried again for a second, not for half a minute."""
    connected = objects._connected
    quick = {"timeout": "5s", "connect_timeout": "5s"}
    monkeypatch.setattr(
        objects, "_connected", lambda one, _, **how: connected(one, quick, retries=2, within_s=5)
    )


@pytest.fixture
def sound(toys_artifacts: Path) -> Path:
    """A version to publish copies of."""
    return ArtifactStore(toys_artifacts).live_folder()


def publish(store: RemoteStore, sound: Path, on_step: OnStep = no_step, **files: bytes) -> str:
    """Publish a copy under another name, some files replaced by others."""
    with store.lock(), store.staging() as folder:
        store.reconcile()
        expected = store.current_text()
        shutil.copytree(sound, folder, copy_function=os.link, dirs_exist_ok=True)
        staged = store.name_staged(folder, altered(folder, files))
        return store.publish(staged, expected=expected, why="publish", on_step=on_step)


def altered(folder: Path, files: dict[str, bytes]) -> Manifest:
    """The manifest of a folder, made another one, with these further files."""
    raw = json.loads((folder / "manifest.json").read_bytes())
    raw["libraries"]["number"] = str(next(NUMBER))
    for name, content in files.items():
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        raw["files"][name] = {"size": len(content), "sha256": digest}
    content = json.dumps(raw).encode()
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").write_bytes(content)
    return decode_manifest(content)


def of_blobs(fault: Fault) -> Fault:
    """A fault of reading files alone."""
    return lambda one: fault(one) if one.method == "GET" and "/blobs/" in one.path else None


def first(n: int, fault: Fault) -> Fault:
    """A fault of the first requests alone."""
    left = iter(range(n))
    return lambda one: None if next(left, None) is None else fault(one)


def test_a_file_is_sent_and_fetched_once(bucket: Bucket, sound: Path) -> None:
    builder, reader = bucket.machine("builder"), bucket.machine("reader")
    one = publish(builder, sound)
    manifest = read_manifest(builder.folder(one))
    n_files = len({described.sha256 for described in manifest.files.values()})
    assert bucket.proxy.count("PUT", "/blobs/") == n_files
    reader.live_folder()
    assert bucket.proxy.count("GET", "/blobs/") == n_files
    two = publish(builder, sound, extra=b"of the second alone")
    assert bucket.proxy.count("PUT", "/blobs/") == n_files + 1
    folder = reader.live_folder()
    assert bucket.proxy.count("GET", "/blobs/") == n_files + 1
    assert (folder.name, (folder / "extra").read_bytes()) == (two, b"of the second alone")
    assert (folder / "items.arrow").samefile(reader.folder(one) / "items.arrow")
    assert verify(bucket.machine("third"), one) == one


def test_looking_at_what_has_not_changed_transfers_nothing(bucket: Bucket, sound: Path) -> None:
    store = bucket.machine("one")
    version = publish(store, sound)
    sent = bucket.proxy.sent_bytes
    assert [store.current_text() for _ in range(5)] == [version] * 5
    assert store.seen_text() == version
    assert bucket.proxy.sent_bytes == sent


def test_prune_removes_no_file_that_another_version_has(bucket: Bucket, sound: Path) -> None:
    store = bucket.machine("one")
    publish(store, sound, extra=b"first", shared=b"of all")
    publish(store, sound, extra=b"second", shared=b"of all")
    last = publish(store, sound, extra=b"third", shared=b"of all")
    bucket.put("blobs/" + "0" * 64, b"left by a killed build")
    with store.lock():
        assert len(store.prune(keep=0)) == 1  # the one before the live one stays
    left = {name for name in bucket.names() if name.startswith("blobs/")}
    used = {
        f"blobs/{described.sha256}"
        for version in store.versions()
        for described in store.manifest(version).files.values()
    }
    assert left == used
    assert verify(bucket.machine("fresh"), last) == last


def test_an_old_list_hides_no_version_from_prune(bucket: Bucket, sound: Path) -> None:
    """The list that a store gives may be one of long ago."""
    store = bucket.machine("one")
    lists: dict[str, Answer] = {}

    def old(one: Asked) -> Answer | None:
        if not one.is_list:
            return None
        return lists.setdefault(str(one.query), one.forward())

    with bucket.proxy.broken(old):
        assert store.versions() == []
        versions = [publish(store, sound, extra=bytes([n])) for n in range(3)]
        assert store.versions() == versions
        assert store.existing(versions[0]).name == versions[0]
        with store.lock():
            store.prune(keep=5)
    with store.lock():
        store.prune(keep=5)
    fresh = bucket.machine("fresh")
    assert [verify(fresh, version) for version in versions] == versions


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (away, "the store answers 503 Service Unavailable: SlowDown"),
        (expired, "the store answers 403 Forbidden: ExpiredToken"),
        (lambda _: refusal(403, "SignatureDoesNotMatch"), "403 Forbidden: SignatureDoesNotMatch"),
    ],
)
def test_what_a_store_refuses_is_told_without_secrets(
    bucket: Bucket, sound: Path, fault: Fault, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = bucket.machine("one")
    publish(store, sound)
    uses = (
        store.current,
        store.live_folder,
        store.versions,
        lambda: publish(store, sound),
        store.blocklist().read,
        lambda: list_versions(store),
        lambda: shortlist.open(bucket.url),
    )
    with bucket.proxy.broken(fault):
        for use in uses:
            with pytest.raises(StoreError) as caught:
                use()
            assert said in str(caught.value)
            assert str(caught.value).startswith(bucket.url)
            assert (SECRET in str(caught.value), KEY in str(caught.value)) == (False, False)
    assert (SECRET in caplog.text, KEY in caplog.text) == (False, False)


def test_nobody_listening_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreError, match="CURRENT: the store cannot be asked: "):
        bucket.machine("one").current()


def test_a_bucket_that_is_not_there_is_told(bucket: Bucket, sound: Path) -> None:
    missing = Bucket("s3://no-such-bucket/art", bucket.proxy, {}, bucket.folder)
    assert missing.machine("one").current() is None
    with pytest.raises(StoreError, match="LOCK: the store answers 404 Not Found: NoSuchBucket"):
        publish(missing.machine("one"), sound)


def test_a_fetch_that_is_cut_goes_on_where_it_was(bucket: Bucket, sound: Path) -> None:
    version = publish(bucket.machine("builder"), sound)
    reader = bucket.machine("reader")

    def cut(one: Asked) -> Answer | None:
        answer = one.forward()
        raise Cut(answer, len(answer.body) // 2)

    with bucket.proxy.broken(of_blobs(lambda one: cut(one) if n_blobs() > 5 else None)):

        def n_blobs() -> int:
            return bucket.proxy.count("GET", "/blobs/")

        with pytest.raises(StoreError, match=r"/blobs/\w+: the store cannot be asked: "):
            reader.fetched(version)
    assert not reader.folder(version).exists()
    begun = n_blobs()
    assert verify(reader, version) == version
    files = {one.sha256 for one in reader.manifest(version).files.values()}
    assert bucket.proxy.count("GET", "/blobs/") - begun < len(files)
    assert list(reader.root.glob(".fetching-*")) == []


def test_a_large_file_goes_in_parts_and_goes_on_at_the_part_that_was_cut(
    bucket: Bucket, sound: Path
) -> None:
    large = os.urandom(2 * objects.PART_BYTES + 100)
    version = publish(bucket.machine("builder"), sound, large=large)
    name = f"blobs/{hashlib.sha256(large).hexdigest()}"
    assert bucket.proxy.count("PUT", f"{name}?partNumber=") == 3
    reader = bucket.machine("reader")
    before = len(bucket.proxy.asked)

    def cut_after_the_first(one: Asked) -> Answer | None:
        asked = [path for method, path in bucket.proxy.asked[before:] if method == "GET"]
        if not one.path.endswith(name) or sum(name in path for path in asked) < 2:
            return None
        raise Cut(one.forward(), 1000)

    with (
        bucket.proxy.broken(cut_after_the_first),
        pytest.raises(StoreError, match="cannot be asked"),
    ):
        reader.fetched(version)
    (part,) = reader.root.glob(".fetching-*/*/large.part")
    assert part.read_bytes() == large[: objects.PART_BYTES]
    begun = bucket.proxy.count("GET", name)
    assert (reader.fetched(version) / "large").read_bytes() == large
    assert bucket.proxy.count("GET", name) - begun == 2


def test_a_few_cut_answers_are_asked_for_again(bucket: Bucket, sound: Path) -> None:
    version = publish(bucket.machine("builder"), sound)

    def cut(one: Asked) -> Answer | None:
        answer = one.forward()
        raise Cut(answer, len(answer.body) // 2)

    with bucket.proxy.broken(of_blobs(first(2, cut))):
        reader = bucket.machine("reader")
        with suppress(StoreError):
            reader.fetched(version)
        assert verify(reader, version) == version


def test_a_burst_of_503_is_waited_for(bucket: Bucket, sound: Path) -> None:
    with bucket.proxy.broken(first(2, away)):
        version = publish(bucket.machine("one"), sound)
    with bucket.proxy.broken(of_blobs(first(2, away))):
        assert verify(bucket.machine("two"), None) == version


def test_wrong_bytes_are_fetched_again_and_never_mapped(bucket: Bucket, sound: Path) -> None:
    version = publish(bucket.machine("builder"), sound)

    def wrong(one: Asked) -> Answer | None:
        answer = one.forward()
        return Answer(answer.status, answer.headers, bytes([answer.body[0] ^ 1]) + answer.body[1:])

    with bucket.proxy.broken(of_blobs(first(1, wrong))):
        assert verify(bucket.machine("lucky"), None) == version
    reader = bucket.machine("unlucky")
    with bucket.proxy.broken(of_blobs(wrong)):
        with pytest.raises(BundleCorrupt, match="is not what the manifest says"):
            reader.live_folder()
        assert not reader.folder(version).exists()
    assert verify(reader, None) == version


def test_a_manifest_that_is_another_is_refused(bucket: Bucket, sound: Path) -> None:
    version = publish(bucket.machine("builder"), sound)
    content = bucket.get(f"{version}/manifest.json")
    assert content is not None
    bucket.put(f"{version}/manifest.json", content.replace(b"tiny", b"tinz"))
    with pytest.raises(BundleCorrupt, match="its checksum gives"):
        bucket.machine("reader").live_folder()


def test_a_file_that_is_gone_is_named(bucket: Bucket, sound: Path) -> None:
    version = publish(bucket.machine("builder"), sound)
    described = read_manifest(sound).files["items.arrow"]
    bucket.delete(f"blobs/{described.sha256}")
    rows = list_versions(bucket.machine("reader"))
    assert [(row.version, row.problem) for row in rows] == [
        (version, f"{bucket.url}: items.arrow: the file is missing")
    ]


def test_a_lost_answer_to_a_write_is_no_failure(bucket: Bucket, sound: Path) -> None:
    """The store has done what was asked, and the one who asked never heard."""
    store = bucket.machine("one")
    lost: set[str] = set()

    def lose(one: Asked) -> Answer | None:
        name = one.path.rpartition("/")[2]
        if one.method != "PUT" or name in lost or name not in {"CURRENT", "JOURNAL", "LOCK"}:
            return None
        lost.add(name)
        one.forward()
        return refusal(503, "SlowDown")

    with bucket.proxy.broken(lose):
        version = publish(store, sound)
    assert lost == {"CURRENT", "JOURNAL", "LOCK"}
    assert (store.current(), store.journal.open_intent()) == (version, None)
    assert len(store.journal.entries()) == 3


def test_a_builder_that_fell_silent_cannot_publish(
    bucket: Bucket, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock is taken over wrongly while it still runs: the compare-and-swap keeps the truth."""
    slow, other = bucket.machine("slow"), bucket.machine("other")
    publish(other, sound)
    theirs: list[str] = []

    def silent(step: str) -> None:
        if step == "renamed":
            monkeypatch.setattr(lease.Lease, "require", lambda self: None)
            theirs.append(publish(other, sound))

    monkeypatch.setattr(lease.Lease, "_beat", lambda self: None)
    with pytest.raises(PublishError, match="somebody moved it, nothing is published"):
        publish(slow, sound, on_step=silent)
    fresh = bucket.machine("fresh")
    assert fresh.current() == theirs[0]
    assert verify(fresh, None) == theirs[0]


def test_a_lock_that_is_taken_over_stops_who_had_it_before(
    bucket: Bucket, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the one who took it over moves nothing: CURRENT is written anew first."""
    slow, other = bucket.machine("slow"), bucket.machine("other")
    live = publish(other, sound)

    def silent(step: str) -> None:
        if step == "renamed":
            monkeypatch.setattr(lease.Lease, "require", lambda self: None)
            with other.lock():
                other.reconcile()
                other.prune(keep=5)

    monkeypatch.setattr(lease.Lease, "_beat", lambda self: None)
    with pytest.raises(PublishError, match="somebody moved it, nothing is published"):
        publish(slow, sound, on_step=silent, extra=b"swept by the other")
    assert (other.current(), other.versions()) == (live, [live])


def test_who_notices_that_the_lock_is_lost_stops(
    bucket: Bucket, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("LOCK", b"{}\n")

    def lose(step: str) -> None:
        if step == "synced":
            bucket.put("LOCK", b'{"pid": 1, "host": "another", "holder": "x"}\n')
            threading.Event().wait(0.5)

    with pytest.raises(PublishError, match="LOCK: was lost to somebody else"):
        publish(bucket.machine("one"), sound, on_step=lose)
    assert not {name for name in bucket.names() if "manifest.json" in name}


BUILDER = """
import os, signal, sys
from pathlib import Path
from shortlist.bundle.stores import open_store
from tests.shortlist.bundle.remote.test_faults import publish

def on_step(name):
    if name == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
publish(open_store(sys.argv[1]), Path(sys.argv[2]), on_step=on_step, extra=os.urandom(64))
"""
KILLED = pytest.param(("renamed",), id="renamed")
STEPS = (
    "synced", "uploaded", "intent written", "renamed", "CURRENT replaced", "move written",
    "done written",
)  # fmt: skip


@pytest.mark.parametrize("steps", [KILLED, pytest.param(STEPS, marks=pytest.mark.soak, id="every")])
def test_a_builder_killed_at_any_step_leaves_a_live_version(
    bucket: Bucket, sound: Path, repository: Path, steps: tuple[str, ...]
) -> None:
    store = bucket.machine("survivor")
    live = publish(store, sound)
    for step in steps:
        done = subprocess.run(
            [sys.executable, "-c", BUILDER, bucket.url, str(sound), step],
            env={**os.environ, "PYTHONPATH": str(repository)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        moved = STEPS.index(step) >= STEPS.index("CURRENT replaced")
        now = store.current()
        assert (now != live) == moved
        assert verify(store, None) == now
        before = set(store.versions())
        live = publish(store, sound)
        assert set(store.versions()) - {live} == before - ({*before} - was_live(store))
        with store.lock():
            store.prune(keep=50)
        assert store.journal.open_intent() is None
    used = {
        f"blobs/{described.sha256}"
        for version in store.versions()
        for described in store.manifest(version).files.values()
    }
    assert {name for name in bucket.names() if name.startswith("blobs/")} == used


def was_live(store: RemoteStore) -> set[str]:
    return set(store.journal.last_live())


def test_the_cache_is_bounded(bucket: Bucket, sound: Path) -> None:
    builder, reader = bucket.machine("builder"), bucket.machine("reader")
    versions = [publish(builder, sound)]
    reader.live_folder()
    hold = Hold(reader.folder(versions[0]))
    for n in range(6):
        versions.append(publish(builder, sound, extra=bytes([n])))
        reader.live_folder()
    here = [one for one in versions if reader.folder(one).exists()]
    assert here == [versions[0], *versions[-KEPT:]]
    hold.release()
    publish(builder, sound)
    reader.live_folder()
    assert not reader.folder(versions[0]).exists()


def test_two_processes_of_a_machine_fetch_once(
    bucket: Bucket, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = publish(bucket.machine("builder"), sound)
    stores = [bucket.machine("shared") for _ in range(4)]
    threads = [threading.Thread(target=store.fetched, args=(version,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    n_files = len({one.sha256 for one in read_manifest(sound).files.values()})
    assert bucket.proxy.count("GET", "/blobs/") == n_files
    assert cache.KEPT == KEPT


def test_the_journal_stays_as_long_as_what_exists(bucket: Bucket, sound: Path) -> None:
    store = bucket.machine("one")
    for _ in range(5):
        publish(store, sound)
        with store.lock():
            store.prune(keep=1)
    assert len(store.journal.entries()) <= 3 * 3
    assert store.previous() == store.versions()[0]


@pytest.mark.parametrize("ignored", ["if-match", "if-none-match"])
def test_a_store_that_ignores_a_condition_is_refused_before_anything_is_published(
    bucket: Bucket, sound: Path, ignored: str
) -> None:
    store = bucket.machine("builder")
    first = publish(store, sound)

    def careless(asked: Asked) -> None:
        for name in [one for one in asked.headers if one.lower() == ignored]:
            if asked.method == "PUT":
                del asked.headers[name]

    before = bucket.names()
    with bucket.proxy.broken(careless), pytest.raises(StoreError, match="keeps to them"):
        publish(store, sound)
    assert bucket.names() == before
    assert store.current_text() == bucket.machine("other").current_text()
    assert publish(store, sound) != first, "the lock was given back"
