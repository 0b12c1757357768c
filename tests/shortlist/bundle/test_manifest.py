"""manifest.json: a value that validates itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from shortlist.bundle.experiment import Experiment
from shortlist.bundle.manifest import (
    FORMAT_VERSION,
    Manifest,
    decode_manifest,
    encode_manifest,
    format_time,
    is_version_name,
    parse_time,
    version_name,
)
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import BundleCorrupt, BundleUnsupported
from tests.publishing import VECTORS

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def content(toys_artifacts: Path) -> bytes:
    """The bytes of a published manifest."""
    return (ArtifactStore(toys_artifacts).live_folder() / "manifest.json").read_bytes()


def changed(content: bytes, change: Change) -> bytes:
    raw = json.loads(content)
    change(raw)
    return json.dumps(raw).encode()


def test_a_manifest_comes_back_byte_for_byte(content: bytes) -> None:
    manifest = decode_manifest(content)
    assert encode_manifest(manifest) == content
    assert decode_manifest(encode_manifest(manifest)) == manifest


def test_a_manifest_describes_what_was_built(content: bytes) -> None:
    manifest = decode_manifest(content)
    assert (manifest.format_version, manifest.metric) == (FORMAT_VERSION, "inner_product")
    assert (manifest.catalog.name, manifest.catalog.template) == ("tiny", "{title} {genres} {tags}")
    assert (manifest.counts.items, manifest.counts.tags, manifest.counts.ratings) == (3, 4, 3)
    assert manifest.embedding_dim == 32
    assert (manifest.encoder.name, manifest.encoder.precision) == ("tiny", "f32")
    assert (manifest.encoder.query_prompt, manifest.encoder.max_length) == ("query: ", 48)
    (segment,) = manifest.segments
    assert (segment.name, segment.entries, segment.live) == ("s1", 3, 3)
    assert (segment.retrieval.backend, segment.retrieval.exact) == ("faiss", True)
    assert manifest.profiles["notebook"].weights == {"similarity": 0.7, "popularity": 0.3}


def test_a_version_is_its_time_and_the_checksum_of_its_manifest(toys_artifacts: Path) -> None:
    folder = ArtifactStore(toys_artifacts).live_folder()
    content = (folder / "manifest.json").read_bytes()
    time, digest = folder.name.split("-")
    assert digest == hashlib.sha256(content).hexdigest()[:12]
    created_at = json.loads(content)["created_at"]  # 2026-11-23T04:15:00.123Z
    assert time == created_at.replace("-", "").replace(":", "")
    assert version_name(created_at, content) == folder.name
    assert is_version_name(folder.name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "CURRENT",
        "../20261123T041500.123Z-3f9a1c0b77de",
        "20261123T041500.123Z-3f9a1c0b77de/",
        "20261123T041500.123Z-3f9a1c0b77de\n",
        "20261123T041500.123Z-3F9A1C0B77DE",
        "20261123T041500Z-3f9a1c0b77de",
    ],
)
def test_other_names_are_no_versions(name: str) -> None:
    assert not is_version_name(name)


def test_versions_sort_by_time() -> None:
    moments = [datetime(2026, 11, 23, 4, 15, 0, 999_000, UTC), datetime(2026, 12, 1, tzinfo=UTC)]
    names = [version_name(format_time(moment), b"x") for moment in moments]
    assert names == sorted(names)
    assert names[0].startswith("20261123T041500.999Z-")


def test_times_are_utc_with_milliseconds() -> None:
    moment = datetime(2026, 11, 23, 5, 15, 0, 123_000, timezone(timedelta(hours=1)))
    assert format_time(moment) == "2026-11-23T04:15:00.123Z"
    assert parse_time("2026-11-23T04:15:00.123Z") == moment


@pytest.mark.parametrize("later", [FORMAT_VERSION + 1, 99])
def test_a_later_format_is_unsupported_whatever_else_is_in_it(later: int) -> None:
    with pytest.raises(BundleUnsupported) as caught:
        decode_manifest(json.dumps({"format_version": later, "new": []}).encode())
    assert str(caught.value) == (
        f"manifest.json: format {later} is later than {FORMAT_VERSION}, the latest this program"
        " reads; upgrade the program or publish with the older one"
    )


@pytest.mark.parametrize("found", [0, -1, 1.0, "1", True, None, []])
def test_a_format_version_is_a_positive_integer(content: bytes, found: object) -> None:
    with pytest.raises(BundleCorrupt, match="format_version: expected an integer, found "):
        decode_manifest(changed(content, lambda raw: raw.update(format_version=found)))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'"text"', b"null", b"\xff", b"[" * 100_000]
)
def test_what_is_no_manifest_is_corrupt(content: bytes) -> None:
    with pytest.raises(BundleCorrupt, match=r"^manifest\.json: not a manifest: "):
        decode_manifest(content)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda raw: raw.update(embedding_dim="32"), "embedding_dim: "),
        (lambda raw: raw.update(embedding_dim=32.5), "embedding_dim: "),
        (lambda raw: raw.update(embedding_dim=0), "embedding_dim: "),
        (lambda raw: raw.update(surprise=1), "surprise: "),
        (lambda raw: raw.pop("counts"), "counts: Field required"),
        (lambda raw: raw["counts"].update(items=True), "counts.items: "),
        (lambda raw: raw["counts"].update(items=-1), "counts.items: "),
        (lambda raw: raw.update(metric="l2"), "metric: Input should be 'inner_product'"),
        (lambda raw: raw.update(created_at="yesterday"), "created_at: "),
        (lambda raw: raw["encoder"].update(weights_sha256="0" * 63), "encoder.weights_sha256: "),
        (lambda raw: raw["encoder"].update(precision="auto"), "encoder.precision: "),
        (lambda raw: raw["files"][VECTORS].update(size=-1), f"files.{VECTORS}.size: "),
        (
            lambda raw: raw["profiles"]["notebook"]["weights"].update(similarity=float("nan")),
            "profiles.notebook.weights.similarity: ",
        ),
    ],
)
def test_wrong_types_and_values_are_corrupt_and_named(
    content: bytes, change: Change, where: str
) -> None:
    with pytest.raises(BundleCorrupt) as caught:
        decode_manifest(changed(content, change))
    assert str(caught.value).startswith(f"manifest.json: {where}")


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "encoder/../../x", "a/./b", "a//b", "..\\x", "./x"]
)
def test_a_file_name_that_leaves_the_bundle_is_corrupt(content: bytes, name: str) -> None:
    described = {"size": 0, "sha256": "0" * 64}
    with pytest.raises(BundleCorrupt) as caught:
        decode_manifest(changed(content, lambda raw: raw["files"].update({name: described})))
    assert f"file name {name!r} leaves the bundle" in str(caught.value)


def test_a_manifest_never_changes(content: bytes) -> None:
    manifest: Manifest = decode_manifest(content)
    with pytest.raises(ValueError, match="frozen"):
        manifest.metric = "inner_product"


EXPERIMENT = {"name": "fewer", "control": "standard", "candidate": "notebook"}


def test_a_manifest_tells_of_an_experiment(content: bytes) -> None:
    manifest = decode_manifest(changed(content, lambda raw: raw.update(experiment=EXPERIMENT)))
    assert manifest.experiment == Experiment(**EXPERIMENT)
    assert decode_manifest(content).experiment is None
    assert decode_manifest(encode_manifest(manifest)) == manifest


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"candidate": "x"}, "candidate: expected one of: .*found 'x'"),
        ({"candidate": "standard"}, "found one twice"),
        (
            {"control": "notebook", "candidate": "standard"},
            "expected the default_profile 'standard'",
        ),
        ({"share": 2}, "share"),
        ({"guard": {"p99_ratio": 0.5}}, "p99_ratio"),
    ],
)
def test_an_experiment_of_what_is_not_there_is_corrupt(
    content: bytes, wrong: dict[str, Any], said: str
) -> None:
    spoilt = changed(content, lambda raw: raw.update(experiment={**EXPERIMENT, **wrong}))
    with pytest.raises(BundleCorrupt, match=rf"^manifest\.json: experiment.*{said}"):
        decode_manifest(spoilt)
