"""The artifacts folder: one writer, one pointer, nothing half there."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexing.job import build
from shortlist.bundle.journal import Event
from shortlist.bundle.reader import open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import BundleCorrupt, BundleMissing, PublishError
from tests.catalogues import with_another_rating

Films = Callable[..., Path]
Refused = Callable[..., str]

HOLD_THE_LOCK = (
    "import sys\nfrom pathlib import Path\nfrom shortlist.bundle.store import ArtifactStore\n"
    "with ArtifactStore(Path(sys.argv[1])).lock():\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@contextmanager
def another_writer(root: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of these artifacts."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_an_empty_folder_has_no_live_version(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "none")
    assert (store.current(), store.versions()) == (None, [])
    with pytest.raises(BundleMissing, match="nothing is published here; run `make index`"):
        store.live_folder()


def test_current_names_the_published_version(toys: Path, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    first = build(toys, tmp_path).version
    assert (tmp_path / "CURRENT").read_bytes() == f"{first}\n".encode()
    second = build(with_another_rating(toys, tmp_path / "again"), tmp_path).version
    assert (store.current(), store.live_folder()) == (second, tmp_path / second)
    assert store.versions() == [first, second]


def test_published_files_are_read_only_and_for_everybody(toys_artifacts: Path) -> None:
    folder = ArtifactStore(toys_artifacts).live_folder()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o444}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE((toys_artifacts / "CURRENT").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\n",
        b"..",
        b"../../etc",
        b"latest",
        b"\xff\xfe",
        b"20261123T041500.123Z-3f9a1c0b77de\n20261123T041500.123Z-3f9a1c0b77de\n",
        "２０261123T041500.123Z-3f9a1c0b77de".encode(),
    ],
)
def test_garbage_in_current_is_refused(live: Path, garbage: bytes) -> None:
    (live / "CURRENT").write_bytes(garbage)
    with pytest.raises(BundleCorrupt, match=r"CURRENT: .*(is no version's name|cannot be read)"):
        ArtifactStore(live).live_folder()


def test_current_may_name_a_version_that_is_gone(live: Path) -> None:
    (live / "CURRENT").write_text("20261123T041500.123Z-3f9a1c0b77de\n")
    with pytest.raises(BundleMissing):
        open_bundle(ArtifactStore(live).live_folder())


def test_a_second_writer_is_told_who_the_first_is(films: Films, live: Path, tmp_path: Path) -> None:
    path, before = films(), ArtifactStore(live).current()
    with another_writer(live) as process, pytest.raises(PublishError) as caught:
        build(path, live)
    assert str(caught.value).startswith(f"{live}: somebody else is writing here: ")
    assert f'"pid": {process.pid}' in str(caught.value)
    assert ArtifactStore(live).current() == before


def test_a_killed_writers_lock_is_free(live: Path) -> None:
    with another_writer(live) as process:
        process.kill()
        process.wait()
    with ArtifactStore(live).lock():
        pass


def test_readers_need_no_lock(live: Path) -> None:
    with ArtifactStore(live).lock():
        assert open_bundle(ArtifactStore(live).live_folder()).n_items == 3


def test_leftovers_of_killed_builds_are_removed_by_the_next(
    toys: Path, live: Path, tmp_path: Path
) -> None:
    leftover = live / ".staging-killed"
    (leftover / "bundle").mkdir(parents=True)
    (leftover / "bundle" / "vectors.npy").write_bytes(b"half")
    (leftover / "bundle" / "vectors.npy").chmod(0o444)
    assert len(ArtifactStore(live).versions()) == 1
    build(with_another_rating(toys, tmp_path / "again"), live)
    assert sorted(path.name for path in live.glob(".staging*")) == []
    assert len(ArtifactStore(live).versions()) == 2


AHEAD = "20991231T235959.999Z-aaaaaaaaaaaa"
DAYS = [f"202611{day}T120000.000Z-bbbbbbbbbbbb" for day in range(20, 28)]


def published_in_order(root: Path, versions: Sequence[str]) -> ArtifactStore:
    """Empty folders of these names, one made live after the other."""
    store, source = ArtifactStore(root), None
    for version in versions:
        (root / version).mkdir()
        store.journal.append(Event.INTENT, source=source, target=version, why="publish")
        (root / "CURRENT").write_text(f"{version}\n")
        store.journal.append(Event.DONE, source=source, target=version, why="publish")
        source = version
    return store


def test_the_journal_orders_versions_and_not_the_clock_that_named_them(tmp_path: Path) -> None:
    store = published_in_order(tmp_path, [DAYS[1], AHEAD, DAYS[0]])
    for copied in (DAYS[7], DAYS[6]):
        (tmp_path / copied).mkdir()
    assert store.versions() == [DAYS[6], DAYS[7], DAYS[1], AHEAD, DAYS[0]]


def test_a_version_of_the_future_is_pruned_in_its_turn(tmp_path: Path) -> None:
    store = published_in_order(tmp_path, [AHEAD, *DAYS[:7]])
    (tmp_path / DAYS[7]).mkdir()  # copied by hand
    assert store.prune(keep=5) == [DAYS[7], AHEAD, DAYS[0]]
    assert store.versions() == DAYS[1:7]
    store.rollback(DAYS[5])
    assert store.previous() == DAYS[4]


def test_what_was_live_last_is_pruned_last(tmp_path: Path) -> None:
    store = published_in_order(tmp_path, DAYS[:4])
    store.rollback(DAYS[0])
    store.rollback(DAYS[3])  # live were 0, 1, 2, 3, 0 and 3: 0 is last but one
    assert store.by_last_live() == [DAYS[1], DAYS[2], DAYS[0], DAYS[3]]
    assert store.prune(keep=1) == [DAYS[1], DAYS[2]]
    assert store.versions() == [DAYS[0], DAYS[3]]


def test_a_copy_that_fails_is_told_by_where_it_should_go(live: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/model/weights", None, "/to/weights")
    with pytest.raises(PublishError, match=r"^/to/weights: No space left on device; the live"):
        fail_while_staging(live, full)
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "/model/weights")
    with pytest.raises(PublishError, match=r"^/model/weights: No such file or directory; the"):
        fail_while_staging(live, missing)


def fail_while_staging(root: Path, error: OSError) -> None:
    with ArtifactStore(root).staging():
        raise error


@pytest.mark.parametrize("below", ["", "artifacts", "deep/artifacts"])
def test_artifacts_that_are_a_file_or_below_one_are_refused(
    toys: Path, tmp_path: Path, below: str
) -> None:
    # Not a folder without write permission: the superuser may write there as well.
    (tmp_path / "file").write_text("mine")
    artifacts = tmp_path / "file" / below
    with pytest.raises(PublishError, match=f"^{artifacts}: cannot be written: "):
        build(toys, artifacts)
    assert (tmp_path / "file").read_text() == "mine"
