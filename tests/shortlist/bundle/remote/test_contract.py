"""What holds wherever bundles lie: a folder, a file:// address, an object store."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from indexing.gate.diff import diff_versions
from indexing.job import build
from indexing.versions import list_versions, roll_back, verify
from shortlist.bundle.manifest import decode_manifest
from shortlist.bundle.store import ArtifactStore, OnStep, no_step
from shortlist.bundle.stores import open_store
from shortlist.errors import BundleCorrupt, BundleMissing, PublishError
from tests.catalogues import add_a_rating
from tests.object_stores import Bucket
from tests.publishing import unshare

HOLD_THE_LOCK = (
    "import sys\nfrom shortlist.bundle.stores import open_store\n"
    "from shortlist.bundle.remote import lease\n"
    "lease.BEAT_S = 0.1\n"
    "with open_store(sys.argv[1]).lock():\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@dataclass
class Place:
    """Somewhere to publish: how it is named, and ways around the store."""

    url: str
    put: Callable[[str, bytes], object]

    @property
    def store(self) -> ArtifactStore:
        return open_store(self.url)


@pytest.fixture(params=["folder", "file://", "s3://"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place of each kind."""
    if request.param == "s3://":
        bucket: Bucket = request.getfixturevalue("bucket")
        request.getfixturevalue("quick_locks")
        return Place(bucket.url, bucket.put)
    folder = tmp_path / "artifacts"
    folder.mkdir()
    url = str(folder) if request.param == "folder" else folder.as_uri()
    return Place(url, lambda name, content: (folder / name).write_bytes(content))


@pytest.fixture
def catalog(toys: Path, tiny_export: Path, tmp_path: Path) -> Path:
    """A catalogue to change between builds."""
    return Path(shutil.copytree(toys.parent, tmp_path / "catalogue")) / toys.name


@pytest.fixture
def published(place: Place, toys_artifacts: Path) -> Callable[..., str]:
    """Publishes one more version of the three films there; returns its name."""
    sound, number = ArtifactStore(toys_artifacts).live_folder(), count()

    def publish(on_step: OnStep = no_step) -> str:
        store = place.store
        with store.lock(), store.staging() as folder:
            store.reconcile()
            expected = store.current_text()
            shutil.copytree(sound, folder, copy_function=os.link, dirs_exist_ok=True)
            raw = json.loads((folder / "manifest.json").read_bytes())
            raw["libraries"]["number"] = str(next(number))
            content = json.dumps(raw).encode()
            (folder / "manifest.json").unlink()
            (folder / "manifest.json").write_bytes(content)
            staged = store.name_staged(folder, decode_manifest(content))
            return store.publish(staged, expected=expected, why="publish", on_step=on_step)

    return publish


@contextmanager
def another_writer(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock there, with a cache of its own where it needs one."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "SHORTLIST_CACHE": os.environ.get("SHORTLIST_CACHE", "") + "-another",
        },
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_an_empty_place_has_no_live_version(place: Place) -> None:
    assert (place.store.current(), place.store.versions()) == (None, [])
    with pytest.raises(BundleMissing, match="nothing is published here; run `make index`"):
        place.store.live_folder()
    with pytest.raises(BundleMissing, match="published: none"):
        place.store.existing("20261123T041500.123Z-3f9a1c0b77de")


def test_versions_are_published_gone_back_to_and_pruned(
    place: Place, published: Callable[..., str]
) -> None:
    one, two, three = (published() for _ in range(3))
    store = place.store
    assert (store.current(), store.previous(), store.versions()) == (three, two, [one, two, three])
    assert [(row.version, row.live, row.problem) for row in list_versions(store)] == [
        (three, True, None),
        (two, False, None),
        (one, False, None),
    ]
    assert diff_versions(store, one, three).changed == 0
    assert roll_back(store, None) == (three, two)
    assert roll_back(store, one) == (two, one)
    assert (store.current(), verify(store, None), verify(store, three)) == (one, one, three)
    with store.lock():
        assert store.prune(keep=0) == [three, two]  # two was live after three
    assert (store.versions(), verify(store, one)) == ([one], one)
    assert published() == store.current()


def test_a_build_that_changes_nothing_publishes_nothing(place: Place, catalog: Path) -> None:
    first = build(catalog, place.url)
    again = build(catalog, place.url)
    assert (again.version, again.published) == (first.version, False)
    add_a_rating(catalog)
    counts = build(catalog, place.url).counts
    assert (counts.encoded, counts.reused) == (0, 3)


def test_a_second_writer_is_told_who_the_first_is(
    place: Place, published: Callable[..., str]
) -> None:
    with another_writer(place.url) as process, pytest.raises(PublishError) as caught:
        published()
    assert f'somebody else is writing here: {{"pid": {process.pid}, "host": ' in str(caught.value)
    assert place.store.current() is None


def test_a_killed_writers_lock_is_free(place: Place) -> None:
    with another_writer(place.url) as process:
        process.kill()
        process.wait()
    with place.store.lock():
        pass


def test_who_moves_current_while_it_is_sent_wins(
    place: Place, published: Callable[..., str]
) -> None:
    one, two = published(), published()

    def move(step: str) -> None:
        if step in {"uploaded", "synced"}:
            place.put("CURRENT", f"{one}\n".encode())

    with pytest.raises(PublishError, match=f"was {two} when this began and is {one} now; somebody"):
        published(on_step=move)
    assert (place.store.current(), place.store.versions()) == (one, [one, two])


def test_who_moves_current_at_the_last_moment_wins(
    place: Place, published: Callable[..., str]
) -> None:
    one, two = published(), published()

    def move(step: str) -> None:
        if step == "intent written":
            place.put("CURRENT", f"{one}\n".encode())

    with pytest.raises(PublishError, match=f"was {two} when this began and is {one} now; somebody"):
        published(on_step=move)
    assert (place.store.current(), place.store.versions()) == (one, [one, two])
    assert place.store.journal.open_intent() is None


TWICE = b"20261123T041500.123Z-3f9a1c0b77de\n" * 2


@pytest.mark.parametrize(
    "garbage", [b"", b"\n", b"..", b"../../etc", b"latest", b"\xff\xfe", TWICE]
)
def test_garbage_in_current_is_refused(place: Place, garbage: bytes) -> None:
    place.put("CURRENT", garbage)
    with pytest.raises(BundleCorrupt, match=r"CURRENT: .*(is no version's name|cannot be read)"):
        place.store.live_folder()


def test_current_may_name_a_version_that_is_gone(
    place: Place, published: Callable[..., str]
) -> None:
    one = published()
    place.put("CURRENT", b"20261123T041500.123Z-3f9a1c0b77de\n")
    with pytest.raises(BundleMissing):
        verify(place.store, None)
    assert verify(place.store, one) == one
    assert place.store.live_catalog() == "tiny"


def test_the_blocklist_is_read_when_it_changes(place: Place) -> None:
    blocklist = place.store.blocklist()
    assert blocklist.read().ids == frozenset()
    place.put("BLOCKLIST", b"\xef\xbb\xbf10\n\n 20 \n")
    found = blocklist.read()
    assert found.ids == {"10", "20"}
    assert blocklist.read() is found
    place.put("BLOCKLIST", b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        blocklist.read()


def test_a_copy_that_was_damaged_is_told(place: Place, published: Callable[..., str]) -> None:
    one = published()
    path = place.store.live_folder() / "items.arrow"
    unshare(path)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(BundleCorrupt, match=r"items\.arrow: SHA-256 is"):
        verify(place.store, one)
