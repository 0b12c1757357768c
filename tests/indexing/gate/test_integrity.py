"""A bundle that can be loaded can still be wrong; the gate compares its tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from indexing.gate.integrity import check_integrity
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision
from shortlist.errors import CatalogError, EncoderError, GateError
from tests.publishing import VECTORS, publish


@pytest.fixture
def catalog(write_catalog: Callable[..., Path], tiny_model: Path) -> Path:
    path = write_catalog()
    with path.open("a", encoding="utf-8") as file:
        file.write(f'[encoder]\nmodel = "{tiny_model}"\n')
    return path


@pytest.fixture
def bundle(catalog: Path, tmp_path: Path) -> Bundle:
    publish(catalog, tmp_path / "artifacts")
    return open_bundle(ArtifactStore(tmp_path / "artifacts").live_folder())


def test_a_sound_bundle_passes(bundle: Bundle) -> None:
    check_integrity(bundle)


def test_popularity_tables_that_disagree_are_refused(bundle: Bundle) -> None:
    popularity = bundle.items.popularity
    assert popularity is not None
    scores = popularity.popularity_score[::-1].copy()
    items = replace(bundle.items, popularity=replace(popularity, popularity_score=scores))
    with pytest.raises(GateError, match=r"popularity.parquet: its scores are not those of items"):
        check_integrity(replace(bundle, items=items))


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
    vectors = ArtifactStore(artifacts).live_folder() / VECTORS
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
