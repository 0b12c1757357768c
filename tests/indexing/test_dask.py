"""Documents are encoded by a cluster as by one machine, to the byte, whatever is lost meanwhile."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import Client

from indexing import chunks, dask_chunks, dask_worker
from indexing.dask_worker import Export, Likeness
from indexing.job import BuildReport, build
from shortlist.bundle import layout
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision
from shortlist.errors import EncoderError
from tests.catalogues import write_five_films
from tests.dask_cluster import COUNTING, OTHER_PRECISION, SLOWLY, Cluster, kill

FILMS, CHUNK = 300, 16
WORDS = ("Robot", "Dawn", "Kitchen", "Silent", "Farm", "Deep", "Love", "Star", "Voyage", "Rain")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nineteen chunks of a small catalogue."""
    monkeypatch.setattr(chunks, "CHUNK_TEXTS", CHUNK)


@pytest.fixture
def many_films(tmp_path: Path, tiny_model: Path, tiny_export: Path) -> Path:
    """A catalogue of three hundred films."""
    rows = [
        f"{n},{WORDS[n % 10]} {WORDS[n * 7 % 9]} of {n} {'deep ' * (n % 8)}(1999),Comedy"
        for n in range(1, FILMS + 1)
    ]
    films = "\n".join(["movieId,title,genres", *rows, ""])
    path = write_five_films(tmp_path / "films", movies=films)
    path.write_text(f'{path.read_text()}[encoder]\nmodel = "{tiny_model}"\n')
    return path


def contents(artifacts: Path) -> dict[str, str]:
    """The SHA-256 of every file of the live version but the manifest, which has its time."""
    folder = ArtifactStore(artifacts).live_folder()
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != layout.MANIFEST
    }


def meanwhile(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_for_chunks(artifacts: Path, n: int) -> None:
    """Until so many chunks are finished, and kept."""
    end = time.monotonic() + 60
    while len(kept(artifacts)) < n:
        assert time.monotonic() < end
        time.sleep(0.02)


def kept(artifacts: Path) -> list[Path]:
    found = (artifacts / ".chunks").glob("*")
    return [path for path in found if path.suffix != ".part"]


def test_the_bundle_is_that_of_one_machine_to_the_byte(
    many_films: Path, tmp_path: Path, cluster: Cluster
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    local = build(many_films, here)
    cluster.start_worker()
    cluster.start_worker()
    report = build(many_films, there, dask=cluster.address)
    assert report.counts == local.counts
    assert report.counts.encoded == FILMS
    assert contents(there) == contents(here)
    assert not (there / ".chunks").exists()


def test_a_killed_worker_costs_nothing_but_its_chunks(
    many_films: Path, tmp_path: Path, cluster: Cluster
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    build(many_films, here)
    lost = cluster.start_worker(SLOWLY)
    cluster.start_worker(SLOWLY)

    def interfere() -> None:
        wait_for_chunks(there, 3)
        kill(lost)

    thread = meanwhile(interfere)
    build(many_films, there, dask=cluster.address)
    thread.join()
    assert lost.poll() is not None
    assert contents(there) == contents(here)


def test_a_killed_scheduler_is_waited_for(
    many_films: Path, tmp_path: Path, cluster: Cluster
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    build(many_films, here)
    cluster.start_worker(SLOWLY)

    def interfere() -> None:
        wait_for_chunks(there, 3)
        kill(cluster.scheduler)
        for worker in cluster.workers:
            kill(worker)
        cluster.start_scheduler()
        cluster.start_worker()

    thread = meanwhile(interfere)
    build(many_films, there, dask=cluster.address)
    thread.join()
    assert contents(there) == contents(here)


def test_a_connection_that_ends_while_chunks_are_waited_for_is_made_anew(
    many_films: Path, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start_worker(SLOWLY)
    inner, ended = dask_chunks._Cluster._encoded, list[threading.Thread]()

    def end(client: Client) -> None:
        time.sleep(0.1)
        with suppress(Exception):
            client.close(timeout=0)

    def encoded(own: dask_chunks._Cluster, client: Client, texts: list[str]) -> Vectors:
        if not ended:
            ended.append(meanwhile(lambda: end(client)))
        return inner(own, client, texts)

    monkeypatch.setattr(dask_chunks._Cluster, "_encoded", encoded)
    report = build(many_films, tmp_path / "there", dask=cluster.address)
    ended[0].join()
    assert report.counts.encoded == FILMS


def test_a_build_that_is_cut_off_goes_on_where_it_was(
    many_films: Path, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    build(many_films, here)
    many_films.write_text(f"{many_films.read_text()}[build]\npatience_s = 0\n")
    cluster.start_worker(SLOWLY)

    def interfere() -> None:
        wait_for_chunks(there, 3)
        kill(cluster.scheduler)

    thread = meanwhile(interfere)
    with pytest.raises(EncoderError, match="finished chunks are kept"):
        build(many_films, there, dask=cluster.address)
    thread.join()
    n_kept = len(kept(there))
    assert n_kept >= 3
    assert ArtifactStore(there).current() is None
    cluster.start_scheduler()
    cluster.start_worker(COUNTING)
    build(many_films, there, dask=cluster.address)
    counted = (tmp_path / "cluster/encoded").read_text()
    assert len(counted) == -(-FILMS // CHUNK) - n_kept
    assert contents(there) == contents(here)


def test_a_worker_that_encodes_otherwise_is_refused(
    many_films: Path, tmp_path: Path, cluster: Cluster
) -> None:
    many_films.write_text(f"{many_films.read_text()}[build]\npatience_s = 0\n")
    cluster.start_worker(OTHER_PRECISION)
    with pytest.raises(EncoderError) as caught:
        build(many_films, tmp_path / "there", dask=cluster.address)
    assert "no worker encodes documents as this machine does" in str(caught.value)
    assert "it encodes in " in str(caught.value)
    assert ArtifactStore(tmp_path / "there").current() is None


def test_a_scheduler_that_is_not_there_is_named(many_films: Path, tmp_path: Path) -> None:
    many_films.write_text(f"{many_films.read_text()}[build]\npatience_s = 0\n")
    with pytest.raises(EncoderError, match=r"tcp://127\.0\.0\.1:9: no scheduler of a"):
        build(many_films, tmp_path / "there", dask="tcp://127.0.0.1:9")


def test_what_differs_is_told() -> None:
    mine = Likeness(export="e", precision="bf16", canaries="c")
    assert mine.difference(mine) is None
    assert mine.difference(replace(mine, export="f")) == "its copy of the export is another"
    other = mine.difference(replace(mine, precision="f32"))
    assert other == "it encodes in f32, this machine in bf16"
    assert "processor" in str(mine.difference(replace(mine, canaries="d")))


def test_an_export_that_arrives_changed_is_refused(tiny_export: Path) -> None:
    whole = Export.of(tiny_export)
    spoilt = replace(whole, files={**whole.files, "model.bin": b"other"})
    said = dask_worker.prepare("name", spoilt, Precision.F32)
    assert said == "the export did not arrive as it was sent"
    assert not dask_worker.is_prepared("name")


def test_without_the_extra_one_line_names_it(many_films: Path, tmp_path: Path) -> None:
    code = """
import sys
sys.modules["distributed"] = None
from shortlist.command import main
main()
"""
    options = ["--catalog", str(many_films), "--artifacts", str(tmp_path / "a")]
    done = subprocess.run(
        [sys.executable, "-c", code, "build", *options, "--dask", "tcp://127.0.0.1:9"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "builds on a cluster need the extra [dask]: pip install 'shortlist[dask]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_chunks_of_one_machine_are_kept_where_a_catalogue_says(
    many_films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "chunks"
    many_films.write_text(f'{many_films.read_text()}[build]\nchunks = "{place}"\n')

    def cut_off(step: str) -> None:
        if step == "vectors written":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(many_films, tmp_path / "a", on_step=cut_off)
    first = sorted(place.iterdir())
    assert len(first) == -(-FILMS // CHUNK)
    first[0].write_bytes(first[0].read_bytes()[:-1])  # cut short: encoded again
    report: BuildReport = build(many_films, tmp_path / "a")
    assert report.published
    assert not place.exists()
    build(many_films, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_worker_loads_neither_pandas_nor_torch() -> None:
    code = "import sys, indexing.dask_worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"pandas", "torch", "transformers", "distributed", "flask"}
