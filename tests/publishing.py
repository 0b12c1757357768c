"""Published bundles: sound ones to read, and a way to publish anything else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from indexing.job import BuildReport, build
from shortlist.bundle.manifest import version_name
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import CatalogError, ShortlistError
from tests.catalogues import add_a_rating, write_five_films

OPTIONS = LoadOptions(precision=Precision.F32)
SEGMENT = "segments/s1"
"""The folder of the only segment of a version that was built at once."""

VECTORS, INDEX = f"{SEGMENT}/vectors.npy", f"{SEGMENT}/index.faiss"
Change = Callable[[dict[str, Any]], object]


def publish(
    catalog: Path, artifacts: Path, *, precision: Precision = Precision.F32, **how: Any
) -> BuildReport:
    """Build and publish, if not told otherwise in f32, which every processor computes alike."""
    return build(catalog, artifacts, precision=precision, **how)


def publish_again(catalog: Path, artifacts: Path, **how: Any) -> BuildReport:
    """As `publish`, with one rating more: a build that changes nothing publishes nothing."""
    add_a_rating(catalog)
    return publish(catalog, artifacts, **how)


def unshare(path: Path) -> None:
    """Make the file a writable one of this version alone: others may have the same by a link."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


@pytest.fixture(scope="session")
def sample_artifacts(
    tmp_path_factory: pytest.TempPathFactory, minilm_export: Path, repository: Path
) -> Path:
    """An artifacts folder with the bundled sample published in f32. Read it, never write it.

    Its default profile is the notebook's, whose arithmetic a test can do by hand.
    """
    folder = tmp_path_factory.mktemp("sample")
    shutil.copytree(repository / "data/sample", folder / "catalogue")
    path = folder / "catalogue/catalog.toml"
    text = path.read_text(encoding="utf-8")
    assert 'default_profile = "tuned"' in text
    text = text.replace('default_profile = "tuned"', 'default_profile = "notebook"')
    path.write_text(text, encoding="utf-8")
    publish(path, folder / "artifacts")
    return folder / "artifacts"


@pytest.fixture(scope="session")
def example_shop(
    tmp_path_factory: pytest.TempPathFactory, minilm_export: Path, repository: Path
) -> Path:
    """An artifacts folder with the made-up shop published in f32. Read it, never write it."""
    folder = tmp_path_factory.mktemp("example-shop")
    publish(repository / "data/shop/catalog.toml", folder)
    return folder


@pytest.fixture(scope="session")
def sample_bundle(sample_artifacts: Path) -> Path:
    """The folder of the sample's published bundle. Read it, never write it."""
    return ArtifactStore(sample_artifacts).live_folder()


@pytest.fixture(scope="session")
def sample_snapshot(sample_bundle: Path) -> Snapshot:
    """The bundled sample, loaded."""
    return load_snapshot(sample_bundle, OPTIONS)


@pytest.fixture(scope="session")
def tiny_artifacts(tmp_path_factory: pytest.TempPathFactory, minilm_export: Path) -> Path:
    """An artifacts folder with the five films published. Read it, never write it."""
    folder = tmp_path_factory.mktemp("tiny")
    publish(write_five_films(folder / "catalogue"), folder / "artifacts")
    return folder / "artifacts"


@pytest.fixture(scope="session")
def tiny_snapshot(tiny_artifacts: Path) -> Snapshot:
    """The five films, loaded."""
    return load_snapshot(ArtifactStore(tiny_artifacts).live_folder(), OPTIONS)


@pytest.fixture(scope="session")
def toys_artifacts(tmp_path_factory: pytest.TempPathFactory, toys: Path, tiny_export: Path) -> Path:
    """An artifacts folder with the three films published. Read it, never write it."""
    folder = tmp_path_factory.mktemp("toys-artifacts")
    publish(toys, folder)
    return folder


@pytest.fixture
def live(tmp_path: Path, toys_artifacts: Path) -> Path:
    """A copy of `toys_artifacts` to write to."""
    return Path(shutil.copytree(toys_artifacts, tmp_path / "live"))


@pytest.fixture
def live_folder(live: Path) -> Path:
    """The folder of the version that is live in `live`."""
    return ArtifactStore(live).live_folder()


Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, live: Path) -> Refused:
    """Builds a catalogue that must be refused; returns the error's message.

    Asserts that every file below a live artifacts folder is what it was, and that an empty one
    gets no version, no CURRENT and no leftovers.
    """

    def refuse(catalog: Path, error: type[ShortlistError] = CatalogError) -> str:
        before, empty = _digests(live), tmp_path / "empty"
        with pytest.raises(error) as caught:
            build(catalog, live)
        assert _digests(live) == before
        with pytest.raises(error):
            build(catalog, empty)
        assert {path.name for path in empty.glob("*")} <= {".lock"}
        assert ArtifactStore(empty).versions() == []
        assert ArtifactStore(empty).current() is None
        return str(caught.value)

    return refuse


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


class Publisher:
    """Writes altered copies of one sound version into an artifacts folder of its own.

    Unchanged files are hard links to the sound version's, which are read-only.
    """

    def __init__(self, sound: Path, root: Path) -> None:
        self.root = root
        self._sound = sound

    def publish(self, change: Change = lambda manifest: None, *, live: bool = True) -> str:
        """Publish a version whose manifest `change` has altered; returns its name."""
        manifest = json.loads((self._sound / "manifest.json").read_bytes())
        change(manifest)
        content = json.dumps(manifest, indent=1, sort_keys=True).encode()
        version = version_name(manifest["created_at"], content)
        shutil.copytree(self._sound, self.root / version, copy_function=os.link)
        self.replace(version, "manifest.json", content)
        if live:
            self.point_at(version)
        return version

    def point_at(self, text: str) -> None:
        """Put this text into CURRENT."""
        (self.root / "CURRENT").write_text(f"{text}\n")

    def replace(self, version: str, name: str, content: bytes) -> None:
        """Exchange one file of a version, whatever its manifest says."""
        path = self.root / version / name
        path.unlink()
        path.write_bytes(content)

    def flip_a_byte(self, version: str, name: str) -> None:
        """Damage one file of a version, its size unchanged."""
        content = bytearray((self.root / version / name).read_bytes())
        content[len(content) // 2] ^= 1
        self.replace(version, name, bytes(content))


@pytest.fixture
def publisher(tiny_artifacts: Path, tmp_path: Path) -> Publisher:
    """Publishes versions of the five films, sound or broken, into an empty folder."""
    root = tmp_path / "artifacts"
    root.mkdir()
    return Publisher(ArtifactStore(tiny_artifacts).live_folder(), root)


def reseal(folder: Path, *names: str, change: Change = lambda manifest: None) -> Path:
    """The folder with the checksums of these files made right again, named as if published so.

    `change` alters the manifest before; what it makes of it is taken as it is.
    """
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    content = _described(manifest, {name: (folder / name).read_bytes() for name in names})
    path.unlink()
    path.write_bytes(content)
    return folder.rename(folder.with_name(version_name(manifest["created_at"], content)))


def sealed(
    sound: Path, root: Path, manifest: dict[str, Any], contents: Mapping[str, bytes]
) -> Path:
    """A version below `root` with this manifest and these files, their checksums right.

    All other files are hard links to the sound version's, which are read-only.
    """
    content = _described(manifest, contents)
    created_at = manifest.get("created_at")
    folder = root / version_name(str(created_at).replace("/", ""), content)
    folder.mkdir(parents=True)
    for inner in filter(Path.is_dir, sorted(sound.rglob("*"))):
        (folder / inner.relative_to(sound)).mkdir()
    for path in sound.rglob("*"):
        name = path.relative_to(sound).as_posix()
        if path.is_file() and name not in contents and name != "manifest.json":
            os.link(path, folder / name)
    for name, of_file in {**contents, "manifest.json": content}.items():
        (folder / name).write_bytes(of_file)
    return folder


def _described(manifest: dict[str, Any], contents: Mapping[str, bytes]) -> bytes:
    """The manifest's bytes with the sizes and checksums of these files."""
    for name, content in contents.items():
        digest = hashlib.sha256(content).hexdigest()
        manifest["files"][name] = {"size": len(content), "sha256": digest}
    return json.dumps(manifest).encode()
