"""Loading a bundle, and the holder that swaps it."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from service.live import SnapshotHolder
from shortlist.bundle.manifest import parse_time
from shortlist.encoder.machine import Precision
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import BundleCorrupt, BundleMissing, BundleUnsupported, NotReady
from tests.publishing import INDEX, VECTORS, Publisher

OPTIONS = LoadOptions(precision=Precision.F32)


def test_a_snapshot_holds_what_its_bundle_says(sample_bundle: Path) -> None:
    snapshot = load_snapshot(sample_bundle, OPTIONS)
    assert snapshot.version == snapshot.bundle.version == sample_bundle.name
    assert snapshot.bundle.n_items == 1350
    assert snapshot.precision is Precision.F32
    vector = snapshot.encoder.encode("space travel")
    assert (vector.shape, vector.dtype.name) == ((384,), "float32")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    found = snapshot.retriever.retrieve(snapshot.bundle.vectors[7], 1)
    assert found.rows.tolist() == [7]


def test_options_reach_the_encoder(tiny_artifacts: Path, tiny_snapshot: Snapshot) -> None:
    folder = tiny_snapshot.bundle.folder
    uncached = load_snapshot(folder, LoadOptions(precision=Precision.F32, query_cache=0))
    for snapshot, hits in ((tiny_snapshot, 1), (uncached, 0)):
        before = snapshot.encoder.hits
        for _ in range(2):
            snapshot.encoder.encode("a text of this test alone")
        assert snapshot.encoder.hits - before == hits


def test_a_loaded_snapshot_is_warm(tiny_snapshot: Snapshot) -> None:
    before = tiny_snapshot.encoder.misses
    tiny_snapshot.encoder.encode("warm up")
    assert tiny_snapshot.encoder.misses == before >= 1


def test_its_age_counts_from_when_the_bundle_was_built(tiny_snapshot: Snapshot) -> None:
    created_at = parse_time(tiny_snapshot.bundle.manifest.created_at)
    assert tiny_snapshot.age_s(created_at + timedelta(minutes=1, milliseconds=5)) == 60.005
    assert 0 < tiny_snapshot.age_s() < 3600
    assert tiny_snapshot.age_s(created_at - timedelta(hours=1)) == 0, "its clock ran ahead"


@pytest.mark.parametrize(
    "name", [VECTORS, INDEX, "items.arrow", "id_map.arrow", "encoder/model.xml"]
)
def test_a_damaged_file_is_named(publisher: Publisher, name: str) -> None:
    version = publisher.publish()
    publisher.flip_a_byte(version, name)
    with pytest.raises(BundleCorrupt, match=f"^{name}: SHA-256 is "):
        load_snapshot(publisher.root / version, OPTIONS)


def test_a_version_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match=r"20200101T000000\.000Z-0123456789ab"):
        load_snapshot(tmp_path / "20200101T000000.000Z-0123456789ab", OPTIONS)


def test_an_unknown_retrieval_backend_is_refused(publisher: Publisher) -> None:
    version = publisher.publish(
        lambda manifest: manifest["segments"][0]["retrieval"].update(backend="remote")
    )
    message = r"manifest\.json: retrieval backend 'remote' is unknown"
    with pytest.raises(BundleUnsupported, match=message):
        load_snapshot(publisher.root / version, OPTIONS)


def test_an_unknown_required_section_is_refused(publisher: Publisher) -> None:
    section = {"version": 1, "required": True, "files": [], "params": {}}
    version = publisher.publish(lambda manifest: manifest["sections"].update(horoscopes=section))
    with pytest.raises(BundleUnsupported, match="'horoscopes' is required and unknown"):
        load_snapshot(publisher.root / version, OPTIONS)


@pytest.mark.skipif(sys.platform != "linux", reason="mappings are read from /proc")
def test_the_large_files_are_mapped_rather_than_read(sample_snapshot: Snapshot) -> None:
    mapped = Path("/proc/self/maps").read_text()
    for name in (VECTORS, INDEX, "items.arrow", "id_map.arrow"):
        assert str(sample_snapshot.bundle.folder / name) in mapped


def test_an_empty_holder_says_why_it_cannot_answer() -> None:
    holder = SnapshotHolder()
    assert holder.peek() is None
    with pytest.raises(NotReady, match="no bundle has been loaded yet"):
        holder.get()
    holder.problem = "nothing is published"
    with pytest.raises(NotReady, match="nothing is published"):
        holder.get()


def test_a_swap_puts_the_new_snapshot_in_use(
    tiny_snapshot: Snapshot, sample_snapshot: Snapshot
) -> None:
    holder = SnapshotHolder()
    for snapshot in (tiny_snapshot, sample_snapshot):
        holder.swap(snapshot)
        assert holder.get() is holder.peek() is snapshot
