"""Applications over the bundled sample and over five films, and bundles altered on purpose."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from indexing.build import build
from indexing.bundle.manifest import version_name
from indexing.bundle.store import ArtifactStore
from indexing.encoder.precision import Precision
from service.app import create_app
from service.config import Settings
from service.snapshot import LoadOptions, Snapshot, load_snapshot

OPTIONS = LoadOptions(precision=Precision.F32)
Change = Callable[[dict[str, Any]], object]


def app_over(artifacts: Path) -> Flask:
    """The service; its reloader looks at CURRENT only when asked to. Stop that in the end."""
    return create_app(Settings(artifacts=artifacts, precision=Precision.F32, poll_s=60))


@pytest.fixture(scope="session")
def sample_client(sample_artifacts: Path) -> Iterator[FlaskClient]:
    """The service over the bundled sample."""
    app = app_over(sample_artifacts)
    yield app.test_client()
    app.extensions["reloader"].stop()


@pytest.fixture(scope="session")
def sample_snapshot(sample_bundle: Path) -> Snapshot:
    """The bundled sample, loaded."""
    return load_snapshot(sample_bundle, OPTIONS)


@pytest.fixture(scope="session")
def once() -> Iterator[dict[str, Any]]:
    """What tests share although it is made from fixtures of a single test."""
    made: dict[str, Any] = {}
    yield made
    if "app" in made:
        made["app"].extensions["reloader"].stop()


@pytest.fixture
def tiny_artifacts(
    once: dict[str, Any],
    write_catalog: Callable[..., Path],
    minilm_export: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The five films, published once a run. Read it, never write it."""
    if "artifacts" not in once:
        folder = tmp_path_factory.mktemp("tiny-artifacts")
        build(write_catalog(), folder, precision=Precision.F32)
        once["artifacts"] = folder
    artifacts: Path = once["artifacts"]
    return artifacts


@pytest.fixture
def tiny_client(once: dict[str, Any], tiny_artifacts: Path) -> FlaskClient:
    """The service over the five films."""
    if "app" not in once:
        once["app"] = app_over(tiny_artifacts)
    client: FlaskClient = once["app"].test_client()
    return client


@pytest.fixture
def tiny_snapshot(once: dict[str, Any], tiny_artifacts: Path) -> Snapshot:
    """The five films, loaded."""
    if "snapshot" not in once:
        once["snapshot"] = load_snapshot(ArtifactStore(tiny_artifacts).live_folder(), OPTIONS)
    snapshot: Snapshot = once["snapshot"]
    return snapshot


@pytest.fixture
def client_of() -> Iterator[Callable[[Path], FlaskClient]]:
    """Starts the service over any artifacts folder; stopped at the end of the test."""
    apps: list[Flask] = []

    def start(artifacts: Path) -> FlaskClient:
        apps.append(app_over(artifacts))
        return apps[-1].test_client()

    yield start
    for app in apps:
        app.extensions["reloader"].stop()


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
