"""A broken bundle is refused by name; the old one serves on, and no worker dies."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from shortlist.bundle.files import write_durably
from shortlist.bundle.store import ArtifactStore
from tests.publishing import VECTORS, publish, publish_again, unshare
from tests.serving import Serve, Service

pytestmark = pytest.mark.soak


def flip(path: Path, _other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x01
    path.write_bytes(content)


def truncate(path: Path, _other: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path, _other: Path) -> None:
    os.truncate(path, 0)


def delete(path: Path, _other: Path) -> None:
    path.unlink()


def replace_by_another_versions(path: Path, other: Path) -> None:
    path.unlink()
    shutil.copyfile(other, path)


DAMAGES = (flip, truncate, empty, delete, replace_by_another_versions)


def point_at(artifacts: Path, version: str) -> None:
    """As somebody would by hand, past every check."""
    write_durably(artifacts / "CURRENT", f"{version}\n".encode())


def test_every_file_damaged_in_every_way_is_refused_and_named(
    write_catalog: Callable[..., Path],
    tmp_path: Path,
    serve: Serve,
    minilm_export: Path,
) -> None:
    artifacts = tmp_path / "artifacts"
    store = ArtifactStore(artifacts)
    publish(write_catalog(), artifacts)
    other_films = write_catalog(ratings="userId,movieId,rating,timestamp\n1,2,4.0,5\n")
    other_films.with_name("movies.csv").write_text(
        "movieId,title,genres\n1,Star Voyage again (1999),Sci-Fi\n2,Kitchen (2005),Comedy\n"
        "3,Deep Love (1987),Drama\n4,Robot Dawn (2020),Sci-Fi\n5,Silent Farm,War\n",
        encoding="utf-8",
    )
    victim = publish(other_films, artifacts, force=True).version
    good = next(version for version in store.versions() if version != victim)
    point_at(artifacts, good)
    service = serve(artifacts, "--poll-s", "0.1").ready()
    pids = service.workers()
    folder, spare = store.folder(victim), tmp_path / "spare"
    shutil.copytree(folder, spare)
    names = sorted(
        path.relative_to(spare).as_posix() for path in spare.rglob("*") if path.is_file()
    )
    refused, alike = [], []
    for name in names:
        for damage in DAMAGES:
            other = counterpart(store.folder(good), name)
            if damage is replace_by_another_versions and same(other, spare / name):
                alike.append(name)
                continue
            unshare(folder / name)
            damage(folder / name, other)
            point_at(artifacts, victim)
            service.wait_for(lambda: service.readiness()["refused_version"] == victim, 20)
            ready = service.readiness()
            assert name in ready["problem"], f"{damage.__name__} {name}: {ready['problem']}"
            assert (ready["degraded"], ready["version"]) == (True, good)
            assert service.get("/v1/search?q=robots&k=3")[1]["index_version"] == good
            refused.append((name, damage.__name__))
            (folder / name).unlink(missing_ok=True)
            shutil.copy2(spare / name, folder / name)
            point_at(artifacts, good)
            service.wait_for(lambda: not service.readiness()["degraded"], 20)
    point_at(artifacts, victim)
    service.wait_for_version(victim)
    assert service.workers() == pids
    assert len(refused) == len(names) * len(DAMAGES) - len(alike)
    print(
        f"\n{len(refused)} damaged bundles refused by name ({len(names)} files, {len(DAMAGES)}"
        f" damages; {len(alike)} files are the same in both versions), the repaired one served"
    )


def broken(write_catalog: Callable[..., Path], artifacts: Path) -> tuple[str, str]:
    """A sound version, and a live one whose vectors are damaged."""
    store = ArtifactStore(artifacts)
    good = publish(write_catalog(), artifacts).version
    bad = publish_again(write_catalog(), artifacts).version
    point_at(artifacts, good)
    vectors = store.folder(bad) / VECTORS
    unshare(vectors)
    flip(vectors, vectors)
    return good, bad


def serves_the_other(service: Service, good: str, bad: str) -> None:
    ready = service.readiness()
    assert (ready["version"], ready["degraded"], ready["refused_version"]) == (good, True, bad)
    assert "vectors.npy" in ready["problem"]


def test_a_worker_that_restarts_on_a_broken_version_serves_the_last_good_one(
    write_catalog: Callable[..., Path],
    tmp_path: Path,
    serve: Serve,
    minilm_export: Path,
) -> None:
    artifacts = tmp_path / "artifacts"
    good, bad = broken(write_catalog, artifacts)
    service = serve(artifacts, "--poll-s", "0.1").ready()
    point_at(artifacts, bad)
    service.wait_for(lambda: service.readiness()["degraded"], 20)
    (victim,) = service.workers()
    os.kill(victim, signal.SIGKILL)
    service.wait_for(lambda: set(service.workers()) - {victim} != set(), 20)
    serves_the_other(service, good, bad)
    assert service.get("/v1/search?q=robots&k=3")[1]["index_version"] == good


def test_a_service_started_fresh_on_a_broken_version_serves_the_one_before(
    write_catalog: Callable[..., Path],
    tmp_path: Path,
    serve: Serve,
    minilm_export: Path,
) -> None:
    artifacts = tmp_path / "artifacts"
    good, bad = broken(write_catalog, artifacts)
    point_at(artifacts, bad)
    serves_the_other(serve(artifacts, "--poll-s", "0.1").ready(), good, bad)


def test_a_service_whose_only_version_is_broken_stays_up_and_is_not_ready(
    write_catalog: Callable[..., Path],
    tmp_path: Path,
    serve: Serve,
    minilm_export: Path,
) -> None:
    artifacts = tmp_path / "artifacts"
    _, bad = broken(write_catalog, artifacts)
    good = tmp_path / "kept"
    for version in ArtifactStore(artifacts).versions():
        if version != bad:
            (artifacts / version).rename(good)
    point_at(artifacts, bad)
    service = serve(artifacts, "--poll-s", "0.1")
    status, body = service.get("/readyz")
    assert status == 503
    assert "vectors.npy" in body["detail"]
    assert service.get("/v1/search?q=robots")[0] == 503
    assert service.get("/healthz")[0] == 200
    third = publish(write_catalog(), artifacts).version
    service.wait_for_version(third)


def counterpart(folder: Path, name: str) -> Path:
    """The file of this name in a version; of a segment that it has not, that of its first one."""
    if (folder / name).exists():
        return folder / name
    segment = sorted((folder / "rows").iterdir())[0].stem
    return folder / re.sub(r"\bs\d+\b", segment, name)


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()
