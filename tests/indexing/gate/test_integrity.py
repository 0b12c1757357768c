"""A bundle whose checksums hold can still be wrong; the gate looks inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexing.gate.integrity import check_integrity
from shortlist.bundle.store import ArtifactStore
from shortlist.bundle.tables import Categories
from shortlist.encoder.machine import Precision
from shortlist.engine.lanes.faiss_backend import FaissRetriever
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import CatalogError, EncoderError, GateError
from tests.publishing import publish


@pytest.fixture
def catalog(write_catalog: Callable[..., Path], tiny_model: Path) -> Path:
    path = write_catalog()
    with path.open("a", encoding="utf-8") as file:
        file.write(f'[encoder]\nmodel = "{tiny_model}"\n')
    return path


@pytest.fixture
def snapshot(catalog: Path, tmp_path: Path) -> Snapshot:
    publish(catalog, tmp_path / "artifacts")
    folder = ArtifactStore(tmp_path / "artifacts").live_folder()
    return load_snapshot(folder, LoadOptions(precision=Precision.F32))


def test_a_sound_bundle_passes(snapshot: Snapshot) -> None:
    check_integrity(snapshot)


def test_an_index_of_the_same_vectors_in_another_order_is_refused(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    index = faiss.IndexFlatIP(snapshot.bundle.vectors.shape[1])
    index.add(np.ascontiguousarray(snapshot.bundle.vectors[::-1]))
    faiss.write_index(index, str(tmp_path / "index.faiss"))
    info = snapshot.bundle.manifest.retrieval
    wrong = FaissRetriever(tmp_path, info, snapshot.bundle.vectors)
    # Of five rows in reverse order only the middle one stays in its place.
    with pytest.raises(GateError, match=r"index.faiss: only 1 of 5 stored vectors find themselves"):
        check_integrity(replace(snapshot, retriever=wrong))


def altered(snapshot: Snapshot, **changes: object) -> Snapshot:
    return replace(snapshot, bundle=replace(snapshot.bundle, **changes))  # type: ignore[arg-type]


def test_a_row_that_is_no_unit_vector_is_refused(snapshot: Snapshot) -> None:
    vectors = snapshot.bundle.vectors.copy()
    vectors[3] *= 2
    with pytest.raises(GateError, match=r"vectors.npy: row 3 has length 2.000000, expected 1"):
        check_integrity(altered(snapshot, vectors=vectors))


def test_a_row_that_is_not_finite_is_refused(snapshot: Snapshot) -> None:
    vectors = snapshot.bundle.vectors.copy()
    vectors[2, 0] = np.nan
    with pytest.raises(GateError, match=r"vectors.npy: row 2 has length nan"):
        check_integrity(altered(snapshot, vectors=vectors))


def test_rows_by_id_that_leave_one_out_are_refused(snapshot: Snapshot) -> None:
    ids = replace(snapshot.bundle.ids, rows_by_id=np.array([0, 1, 2, 3, 3]))
    with pytest.raises(GateError, match="no permutation of the rows"):
        check_integrity(altered(snapshot, ids=ids))


def test_a_category_code_without_a_name_is_refused(snapshot: Snapshot) -> None:
    column = snapshot.bundle.items.categories
    codes = column.lists.indices.copy()
    codes[0] = len(column.names)
    wrong = Categories(replace(column.lists, indices=codes), column.names)
    items = replace(snapshot.bundle.items, categories=wrong)
    with pytest.raises(GateError, match="categories: an entry is none of 0 to"):
        check_integrity(altered(snapshot, items=items))


def test_a_popularity_score_above_one_is_refused(snapshot: Snapshot) -> None:
    popularity = snapshot.bundle.items.popularity
    assert popularity is not None
    scores = popularity.popularity_score.copy()
    scores[4] = 1.5
    items = replace(snapshot.bundle.items, popularity=replace(popularity, popularity_score=scores))
    with pytest.raises(GateError, match="a popularity score is outside 0 to 1"):
        check_integrity(altered(snapshot, items=items))


def test_popularity_tables_that_disagree_are_refused(snapshot: Snapshot) -> None:
    popularity = snapshot.bundle.items.popularity
    assert popularity is not None
    scores = popularity.popularity_score[::-1].copy()
    items = replace(snapshot.bundle.items, popularity=replace(popularity, popularity_score=scores))
    with pytest.raises(GateError, match=r"popularity.parquet: its scores are not those of items"):
        check_integrity(altered(snapshot, items=items))


def test_limits_hold_when_only_the_precision_differs(catalog: Path, tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    publish(catalog, artifacts)
    movies = catalog.parent / "movies.csv"
    lines = movies.read_text(encoding="utf-8").splitlines()
    movies.write_text("\n".join([*lines[:2], ""]), encoding="utf-8")
    with pytest.raises(GateError, match="4 of 5 items are gone"):
        publish(catalog, artifacts, precision=Precision.BF16)


def test_damage_to_the_live_version_does_not_let_another_catalogue_in(
    catalog: Path, tmp_path: Path
) -> None:
    artifacts = tmp_path / "artifacts"
    publish(catalog, artifacts)
    vectors = ArtifactStore(artifacts).live_folder() / "vectors.npy"
    vectors.chmod(0o644)
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"x")
    renamed = catalog.read_text(encoding="utf-8").replace('name = "tiny"', 'name = "other"')
    catalog.write_text(renamed, encoding="utf-8")
    with pytest.raises(GateError, match="the live catalogue is 'tiny', this one is 'other'"):
        publish(catalog, artifacts)


@pytest.mark.parametrize("kind", ["IDMap,Flat", "HNSW16,RFlat"])
def test_an_index_type_that_cannot_serve_is_explained(
    catalog: Path, tmp_path: Path, kind: str
) -> None:
    with catalog.open("a", encoding="utf-8") as file:
        file.write(f'[index]\ntype = "{kind}"\n')
    with pytest.raises(CatalogError, match=f"index.type '{kind}': "):
        publish(catalog, tmp_path / "artifacts")


def test_a_model_without_its_tokenizer_is_refused(catalog: Path, tmp_path: Path) -> None:
    import shutil

    text = catalog.read_text(encoding="utf-8")
    (model,) = [line.split('"')[1] for line in text.splitlines() if line.startswith("model")]
    copy = tmp_path / "no-tokenizer"
    shutil.copytree(model, copy)
    for path in [*copy.rglob("tokenizer.json"), *copy.rglob("vocab.txt")]:
        path.unlink()
    catalog.write_text(text.replace(model, str(copy)), encoding="utf-8")
    with pytest.raises(EncoderError, match=r"no tokenizer; expected tokenizer\.json or vocab\.txt"):
        publish(catalog, tmp_path / "artifacts")
