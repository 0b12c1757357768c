"""Opening a bundle: whole and as described, or refused by the name of what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shortlist.bundle.manifest import version_name
from shortlist.bundle.reader import open_bundle, read_manifest
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import BundleCorrupt, BundleError, BundleMissing, BundleUnsupported
from tests.publishing import SEGMENT, VECTORS

FILES = [
    "calibration.npy",
    "catalog.json",
    "encoder/canaries.json",
    "encoder/canaries.npy",
    "encoder/model.bin",
    "encoder/model.xml",
    "encoder/settings.json",
    "encoder/tokenizer.json",
    "features.arrow",
    "id_map.arrow",
    "items.arrow",
    "labels.arrow",
    "popular.npy",
    "popularity.parquet",
    "rows/s1.npy",
    "segments/s1/contents.npy",
    "segments/s1/document_terms/offsets.npy",
    "segments/s1/document_terms/terms.npy",
    "segments/s1/document_terms/written.arrow",
    "segments/s1/documents.npy",
    "segments/s1/index.faiss",
    "segments/s1/titles/names.arrow",
    "segments/s1/titles/offsets.npy",
    "segments/s1/titles/postings.npy",
    "segments/s1/titles/trigrams.npy",
    "segments/s1/titles/vocabulary.npy",
    "segments/s1/titles/words.npy",
    "segments/s1/vectors.npy",
    "segments/s1/words/counts.npy",
    "segments/s1/words/documents.arrow",
    "segments/s1/words/first.npy",
    "segments/s1/words/language.txt",
    "segments/s1/words/offsets.npy",
    "segments/s1/words/postings.npy",
    "segments/s1/words/repeated.npy",
    "segments/s1/words/repeats.npy",
    "segments/s1/words/terms.npy",
    "source/items.arrow",
    "source/tags.arrow",
    "word_ranks/s1.npy",
]
Damage = Callable[[Path], object]
Change = Callable[[dict[str, Any]], object]


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_the_files_broken_below_are_all_there_are(toys_artifacts: Path) -> None:
    manifest = read_manifest(ArtifactStore(toys_artifacts).live_folder())
    assert sorted(manifest.files) == FILES


def test_a_bundle_holds_what_was_built(toys_artifacts: Path) -> None:
    bundle = open_bundle(ArtifactStore(toys_artifacts).live_folder())
    assert bundle.n_items == 3
    assert [bundle.ids.id_of(row) for row in range(3)] == [30, 10, 20]
    assert bundle.items.titles.to_pylist() == [
        "Toy Story (1995)",
        "Jumanji (1995)",
        "Kitchen, The",
    ]
    assert bundle.items.attributes["year"].to_pylist() == [1995, 1995, None]
    assert bundle.items.categories.of(1) == ["Adventure", "Children", "Fantasy"]
    assert bundle.vectors.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(bundle.vectors, axis=1), 1.0, atol=1e-6)
    assert bundle.unknown_sections == ()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [flip_a_byte, truncate, empty, make_a_folder, Path.unlink])
def test_a_damaged_file_is_corrupt_and_named(live_folder: Path, name: str, damage: Damage) -> None:
    path = live_folder / name
    path.chmod(0o644)
    damage(path)
    with pytest.raises(BundleCorrupt) as caught:
        open_bundle(live_folder)
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("damage", [flip_a_byte, truncate, empty])
def test_a_damaged_manifest_is_corrupt_before_anything_else_is_looked_at(
    live_folder: Path, damage: Damage
) -> None:
    path = live_folder / "manifest.json"
    path.chmod(0o644)
    damage(path)
    (live_folder / VECTORS).unlink()
    with pytest.raises(BundleCorrupt) as caught:
        open_bundle(live_folder)
    assert str(caught.value).startswith("manifest.json: its checksum gives ")
    assert str(caught.value).endswith(f"the version is named {live_folder.name}")


def test_a_manifest_that_fills_the_memory_is_not_read(live_folder: Path) -> None:
    path = live_folder / "manifest.json"
    path.chmod(0o644)
    os.truncate(path, 1 << 40)
    with pytest.raises(BundleCorrupt, match=r"manifest\.json: more than 16777216 bytes"):
        open_bundle(live_folder)


def test_a_missing_manifest_is_a_missing_bundle(live_folder: Path) -> None:
    (live_folder / "manifest.json").unlink()
    with pytest.raises(BundleMissing, match=r"manifest\.json: no such file; the version is "):
        open_bundle(live_folder)


def test_a_missing_folder_is_a_missing_bundle(live: Path) -> None:
    with pytest.raises(BundleMissing):
        open_bundle(live / "20261123T041500.123Z-3f9a1c0b77de")


def test_a_renamed_version_is_corrupt(live_folder: Path) -> None:
    digest = live_folder.name.split("-")[1]
    renamed = live_folder.rename(live_folder.with_name(f"20200101T000000.000Z-{digest}"))
    with pytest.raises(BundleCorrupt, match=f"describes {live_folder.name}, the folder is 2020"):
        open_bundle(renamed)


@pytest.mark.parametrize("name", ["manifest.json", VECTORS, "encoder/model.bin"])
def test_a_symbolic_link_is_refused_even_to_the_same_bytes(
    live_folder: Path, tmp_path: Path, name: str
) -> None:
    path = live_folder / name
    path.symlink_to(path.rename(tmp_path / "elsewhere"))
    with pytest.raises(BundleCorrupt) as caught:
        open_bundle(live_folder)
    assert str(caught.value) == f"{name}: a symbolic link, not a file of the bundle"


def test_a_linked_folder_inside_is_refused(live_folder: Path, tmp_path: Path) -> None:
    path = live_folder / "encoder"
    path.symlink_to(path.rename(tmp_path / "elsewhere"))
    with pytest.raises(BundleCorrupt, match=r"^encoder/.*: a symbolic link"):
        open_bundle(live_folder)


def resealed(folder: Path, change: Change) -> Path:
    """The folder with a changed manifest, named as if it had been published so."""
    path = folder / "manifest.json"
    raw = json.loads(path.read_bytes())
    change(raw)
    content = json.dumps(raw).encode()
    path.chmod(0o644)
    path.write_bytes(content)
    return folder.rename(folder.with_name(version_name(raw["created_at"], content)))


def section(*, required: bool, files: list[str] | None = None) -> Change:
    described = {"version": 1, "required": required, "files": files or [], "params": {}}
    return lambda raw: raw["sections"].update(future=described)


def test_an_unknown_required_section_refuses_the_bundle(live_folder: Path) -> None:
    folder = resealed(live_folder, section(required=True))
    with pytest.raises(BundleUnsupported) as caught:
        open_bundle(folder)
    assert str(caught.value) == (
        "manifest.json: section 'future' is required and unknown to this program; upgrade it"
    )


def test_an_unknown_optional_section_is_listed(live_folder: Path) -> None:
    bundle = open_bundle(resealed(live_folder, section(required=False)))
    assert bundle.unknown_sections == ("future",)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda raw: raw.update(format_version=9), BundleUnsupported, "format 9 is later than 8"),
        (lambda raw: raw["files"].pop(VECTORS), BundleCorrupt, f"files: {VECTORS!r} is not"),
        (lambda raw: raw["files"].pop("items.arrow"), BundleCorrupt, "files: 'items.arrow' is not"),
        (
            lambda raw: raw["files"].pop("encoder/model.bin"),
            BundleCorrupt,
            "files: 'encoder/model.bin' is not among them",
        ),
        (
            lambda raw: raw["segments"][0]["retrieval"].update(file="../other/index.faiss"),
            BundleCorrupt,
            f"files: '{SEGMENT}/../other/index.faiss' is not among them",
        ),
        (
            section(required=False, files=["/etc/passwd"]),
            BundleCorrupt,
            "files: '/etc/passwd' is not among them",
        ),
        (
            lambda raw: raw["segments"][0].update(entries=4),
            BundleCorrupt,
            "vectors.npy: expected float32 of shape (4, 32), found <f4 (3, 32)",
        ),
        (lambda raw: raw["counts"].update(items=4), BundleCorrupt, "expected every item once"),
        (lambda raw: raw.update(segments=[]), BundleCorrupt, "expected segments, each with a name"),
        (
            lambda raw: raw.update(segments=raw["segments"] * 2),
            BundleCorrupt,
            "expected segments, each with a name of its own",
        ),
        (
            lambda raw: raw.update(embedding_dim=31),
            BundleCorrupt,
            "vectors.npy: expected float32 of shape (3, 31), found <f4 (3, 32)",
        ),
    ],
)
def test_a_well_sealed_manifest_that_cannot_be_true_is_refused(
    live_folder: Path,
    change: Change,
    error: type[BundleError],
    said: str,
) -> None:
    with pytest.raises(error) as caught:
        open_bundle(resealed(live_folder, change))
    assert said in str(caught.value)


def test_every_table_is_mapped_and_none_can_be_written(live_folder: Path) -> None:
    bundle = open_bundle(live_folder)
    arrays = [bundle.vectors[:], bundle.ids.rows_by_id, bundle.items.categories.lists.indices]
    assert [array.flags.owndata for array in arrays] == [False] * 3
    assert [array.flags.writeable for array in arrays] == [False] * 3
    mapped = Path("/proc/self/maps").read_text()
    for name in (VECTORS, "id_map.arrow", "items.arrow"):
        assert str(live_folder / name) in mapped


def test_opening_a_bundle_imports_neither_pandas_nor_torch(live_folder: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom shortlist.bundle.reader import open_bundle\n"
        "print(open_bundle(Path(sys.argv[1])).n_items, sorted({'pandas', 'torch', 'faiss'} &"
        " set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(live_folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout == "3 []\n"
