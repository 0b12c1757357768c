"""What goes wrong with a disk leaves the live version as it was, and says what it was."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shortlist.bundle.journal import Event
from shortlist.bundle.reader import open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import GateError, PublishError
from tests.publishing import publish, publish_again

LIMITED = """
import resource, sys
from indexing.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
main(sys.argv[2:])
"""


@pytest.fixture
def catalog(write_catalog: Callable[..., Path], tiny_model: Path, minilm_export: Path) -> Path:
    path = write_catalog()
    with path.open("a", encoding="utf-8") as file:
        file.write(f'[encoder]\nmodel = "{tiny_model}"\n')
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB; needs the right to mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here: run the tests as root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_explained_and_the_live_version_stays(
    catalog: Path, small_disk: Path
) -> None:
    first = publish(catalog, small_disk).version
    filler = small_disk / "filler"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler.write_bytes(b"x" * max(0, free - 40_000))
    left = f"^{small_disk}.*No space left on device; the live version is as it was"
    with pytest.raises(PublishError, match=left):
        publish_again(catalog, small_disk)
    assert open_bundle(ArtifactStore(small_disk).live_folder()).version == first


def test_a_file_size_limit_is_explained_and_the_live_version_stays(
    catalog: Path, tmp_path: Path
) -> None:
    artifacts = tmp_path / "artifacts"
    first = publish(catalog, artifacts).version
    arguments = ["build", "--catalog", str(catalog), "--artifacts", str(artifacts)]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "2000", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "File too large; the live version is as it was" in done.stderr
    assert "Traceback" not in done.stderr
    assert open_bundle(ArtifactStore(artifacts).live_folder()).version == first


def test_everybody_can_read_what_a_build_under_a_strict_umask_publishes(
    catalog: Path, tmp_path: Path
) -> None:
    artifacts = tmp_path / "new" / "artifacts"
    command = [sys.executable, "-m", "indexing", "build", "--catalog", str(catalog)]
    command += ["--artifacts", str(artifacts)]
    subprocess.run(command, check=True, capture_output=True, umask=0o077)
    folder = ArtifactStore(artifacts).live_folder()
    made = [artifacts.parent, artifacts, folder, *folder.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert (folder / "encoder") in modes
    assert modes == {path: 0o755 if path.is_dir() else 0o444 for path in made}
    for name in ("CURRENT", "JOURNAL"):
        assert stat.S_IMODE((artifacts / name).stat().st_mode) == 0o644


def test_a_folder_that_exists_keeps_its_mode(catalog: Path, tmp_path: Path) -> None:
    artifacts = tmp_path / "closed"
    artifacts.mkdir(mode=0o700)
    publish(catalog, artifacts)
    assert stat.S_IMODE(artifacts.stat().st_mode) == 0o700


def test_a_pointer_moved_while_building_refuses_the_publish(catalog: Path, tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    first = publish(catalog, artifacts).version
    second = publish_again(catalog, artifacts).version

    def move_by_hand(step: str) -> None:
        if step == "gate passed":
            (artifacts / "CURRENT").write_text(f"{first}\n")

    with pytest.raises(PublishError, match=f"was {second} when this began and is {first} now"):
        publish_again(catalog, artifacts, on_step=move_by_hand)
    store = ArtifactStore(artifacts)
    assert store.current() == first
    assert store.versions() == [first, second]


def test_a_pointer_moved_at_the_last_moment_refuses_the_publish(
    catalog: Path, tmp_path: Path
) -> None:
    artifacts = tmp_path / "artifacts"
    first = publish(catalog, artifacts).version
    second = publish_again(catalog, artifacts).version

    def move_by_hand(step: str) -> None:
        if step == "published: intent written":
            (artifacts / "CURRENT").write_text(f"{first}\n")

    with pytest.raises(PublishError, match="somebody moved it, nothing is published"):
        publish_again(catalog, artifacts, on_step=move_by_hand)
    store = ArtifactStore(artifacts)
    assert (store.current(), store.versions()) == (first, [first, second])
    assert store.journal.entries()[-1].event is Event.ABANDONED


def test_a_cut_off_move_is_closed_by_the_next_command(catalog: Path, tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    first = publish(catalog, artifacts).version
    store = ArtifactStore(artifacts)
    store.journal.append(Event.INTENT, source=first, target="gone", why="publish")
    with (artifacts / "JOURNAL").open("a", encoding="utf-8") as journal:
        journal.write('{"time": "cut o')
    second = publish_again(catalog, artifacts).version
    events = [(entry.event.value, entry.target) for entry in store.journal.entries()]
    assert events[-4:] == [
        ("abandoned", "gone"),
        ("intent", second),
        ("move", second),
        ("done", second),
    ]


def test_a_build_far_from_the_live_version_is_refused_unless_forced(
    catalog: Path, tmp_path: Path
) -> None:
    artifacts = tmp_path / "artifacts"
    first = publish(catalog, artifacts).version
    movies = catalog.parent / "movies.csv"
    lines = movies.read_text(encoding="utf-8").splitlines()
    movies.write_text("\n".join([*lines[:4], ""]), encoding="utf-8")
    with pytest.raises(GateError, match=r"2 of 5 items are gone \(40.0%, at most 20.0%\)"):
        publish(catalog, artifacts)
    store = ArtifactStore(artifacts)
    assert (store.current(), store.versions()) == (first, [first])
    report = publish(catalog, artifacts, force=True)
    assert report.gate.diff is not None
    assert (report.gate.diff.removed, report.gate.diff.added) == (2, 0)
    assert "forced: 2 of 5 items are gone" in store.journal.entries()[-1].why


def test_lost_items_are_told_however_items_are_ranked(catalog: Path, tmp_path: Path) -> None:
    """An edited weight changes answers on purpose; it takes no item away."""
    text = catalog.read_text(encoding="utf-8")
    profile = "[profiles.notebook]\nweights = { similarity = 0.7, popularity = 0.3 }\n"
    catalog.write_text(text + profile, encoding="utf-8")
    publish(catalog, tmp_path / "artifacts")
    edited = catalog.read_text(encoding="utf-8").replace("similarity = 0.7", "similarity = 0.6")
    catalog.write_text(edited, encoding="utf-8")
    movies = catalog.parent / "movies.csv"
    lines = movies.read_text(encoding="utf-8").splitlines()
    movies.write_text("\n".join([*lines[:4], ""]), encoding="utf-8")
    with pytest.raises(GateError, match=r"2 of 5 items are gone \(40.0%, at most 20.0%\)"):
        publish(catalog, tmp_path / "artifacts")


def test_another_catalogue_is_refused_unless_it_is_meant(catalog: Path, tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    publish(catalog, artifacts)
    renamed = catalog.read_text(encoding="utf-8").replace('name = "tiny"', 'name = "other"')
    catalog.write_text(renamed, encoding="utf-8")
    with pytest.raises(GateError, match="the live catalogue is 'tiny', this one is 'other'"):
        publish(catalog, artifacts)
    publish(catalog, artifacts, replace_catalog=True)


def test_a_golden_query_that_misses_refuses_the_build(catalog: Path, tmp_path: Path) -> None:
    with catalog.open("a", encoding="utf-8") as file:
        file.write('[[gate.golden]]\nquery = "robots"\nitem = 99\ntop = 3\n')
    with pytest.raises(GateError, match="golden query 'robots': item 99 is not among the first 3"):
        publish(catalog, tmp_path / "artifacts")
    assert ArtifactStore(tmp_path / "artifacts").versions() == []


def test_an_encoder_that_drifted_is_refused(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shortlist.bundle.writer import BundleWriter

    copy = BundleWriter.copy_encoder

    def copy_and_drift(self: BundleWriter, *arguments: object) -> None:
        copy(self, *arguments)  # type: ignore[arg-type]
        weights = self.folder / "encoder/model.bin"
        content = bytearray(weights.read_bytes())
        content[1000:3000] = bytes(2000)
        weights.write_bytes(content)

    monkeypatch.setattr(BundleWriter, "copy_encoder", copy_and_drift)
    with pytest.raises(GateError, match="does not reproduce its stored vectors"):
        publish(catalog, tmp_path / "artifacts")
    assert ArtifactStore(tmp_path / "artifacts").current() is None


def test_old_versions_are_pruned_and_rollback_walks_back(catalog: Path, tmp_path: Path) -> None:
    from indexing.versions import roll_back

    artifacts = tmp_path / "artifacts"
    with catalog.open("a", encoding="utf-8") as file:
        file.write("[publish]\nkeep = 2\n")
    versions = [publish_again(catalog, artifacts).version for _ in range(5)]
    store = ArtifactStore(artifacts)
    assert store.versions() == versions[2:], "the live one and two old ones"
    assert roll_back(store, None) == (versions[4], versions[3])
    assert roll_back(store, None) == (versions[3], versions[2])
    assert roll_back(store, versions[4]) == (versions[2], versions[4])
    assert store.previous() == versions[2]


def test_versions_and_diff_print_json(catalog: Path, tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    one = publish(catalog, artifacts).version
    two = publish_again(catalog, artifacts).version
    command = [sys.executable, "-m", "indexing"]
    where = ["--artifacts", str(artifacts), "--json"]
    rows = json.loads(subprocess.check_output([*command, "versions", *where], text=True))
    assert [(row["version"], row["live"], row["problem"]) for row in rows] == [
        (two, True, None),
        (one, False, None),
    ]
    diff = json.loads(subprocess.check_output([*command, "diff", one, two, *where], text=True))
    assert (diff["added"], diff["removed"], diff["changed"], diff["mean_overlap"]) == (0, 0, 0, 1.0)
