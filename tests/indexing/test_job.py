"""The whole job: what is published, what is encoded again, and a catalogue of other things."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from indexing.__main__ import main
from indexing.job import BuildReport, build
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision, resolve_precision
from shortlist.encoder.runtime import Encoder
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, load_snapshot
from tests.publishing import SEGMENT, VECTORS

Films = Callable[..., Path]


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Where this test publishes."""
    return tmp_path / "artifacts"


def counts(report: BuildReport) -> tuple[int, int, int]:
    """Encoded, reused, repeated."""
    return report.counts.encoded, report.counts.reused, report.counts.repeated


def bundle_of(artifacts: Path, report: BuildReport) -> Bundle:
    return open_bundle(artifacts / report.version)


def test_a_build_publishes_every_item_in_the_order_of_the_file(
    films: Films, artifacts: Path
) -> None:
    report = build(films(), artifacts)
    assert ArtifactStore(artifacts).current() == report.version
    bundle = bundle_of(artifacts, report)
    assert [bundle.ids.id_of(row) for row in range(5)] == [1, 2, 3, 4, 5]
    assert bundle.manifest == report.manifest
    assert (report.manifest.counts.tags, report.manifest.counts.ratings) == (4, 5)
    assert counts(report) == (5, 0, 0)


def test_vectors_are_those_of_the_documents_behind_their_prompt(
    toys_artifacts: Path,
) -> None:
    folder = ArtifactStore(toys_artifacts).live_folder()
    encoder = Encoder(folder / "encoder", precision=Precision.F32)
    documents = [
        "passage: Toy Story (1995) Adventure|Animation|Children|Comedy|Fantasy pixar pixar fun",
        "passage: Jumanji (1995) Adventure|Children|Fantasy game",
        "passage: Kitchen, The  ",
    ]
    np.testing.assert_allclose(
        open_bundle(folder).vectors, encoder.encode(documents), atol=1e-5, rtol=0
    )


def test_a_rebuild_without_a_change_encodes_nothing_and_keeps_every_bit(
    films: Films, artifacts: Path
) -> None:
    path = films()
    first, second = build(path, artifacts), build(path, artifacts)
    assert counts(second) == (0, 5, 0)
    np.testing.assert_array_equal(
        bundle_of(artifacts, first).vectors, bundle_of(artifacts, second).vectors
    )


def test_a_changed_document_is_the_only_one_encoded(films: Films, artifacts: Path) -> None:
    path = films()
    before = bundle_of(artifacts, build(path, artifacts)).vectors
    movies = path.parent / "movies.csv"
    movies.write_text(movies.read_text().replace("Silent Farm", "Noisy Farm"))
    report = build(path, artifacts)
    after = bundle_of(artifacts, report).vectors
    assert counts(report) == (1, 4, 0)
    np.testing.assert_array_equal(after[:4], before[:4])
    assert np.abs(after[4] - before[4]).max() > 0.01


def test_a_document_keeps_its_vector_in_another_row(films: Films, artifacts: Path) -> None:
    tags = "movieId,tag\n"
    path = films(movies="movieId,title,genres\n1,A,x\n2,B,x\n3,C,x\n", tags=tags)
    before = bundle_of(artifacts, build(path, artifacts)).vectors
    (path.parent / "movies.csv").write_text("movieId,title,genres\n1,C,x\n2,A,x\n3,B,x\n")
    report = build(path, artifacts)
    assert counts(report) == (0, 3, 0)
    np.testing.assert_array_equal(bundle_of(artifacts, report).vectors, before[[2, 0, 1]])


def test_reuse_can_be_turned_off(films: Films, artifacts: Path) -> None:
    path = films()
    build(path, artifacts)
    assert counts(build(path, artifacts, reuse=False)) == (5, 0, 0)


@pytest.mark.parametrize(
    "edit",
    [
        ('precision = "f32"', 'precision = "f32"\ndocument_prompt = "d: "'),
        ('precision = "f32"', 'precision = "f32"\nquery_prompt = "q: "'),
    ],
    ids=["document prompt", "query prompt"],
)
def test_another_prompt_reuses_nothing(
    films: Films, artifacts: Path, edit: tuple[str, str]
) -> None:
    build(films(), artifacts)
    assert counts(build(films(edit), artifacts)) == (5, 0, 0)


@pytest.mark.skipif(
    resolve_precision(Precision.AUTO) is not Precision.BF16,
    reason="this processor has no bf16 instructions; OpenVINO would emulate them",
)
def test_another_precision_reuses_nothing(films: Films, artifacts: Path) -> None:
    path = films()
    build(path, artifacts)
    report = build(path, artifacts, precision=Precision.BF16)
    assert counts(report) == (5, 0, 0)
    assert report.manifest.encoder.precision == "bf16"


def test_another_template_reuses_the_documents_it_leaves_equal(
    films: Films, artifacts: Path
) -> None:
    # Only films 1, 2 and 4 have tags; without a blank the other documents are what they were.
    template = "{title} {genres} {tags}"
    build(films((template, "{title} {genres}{tags}")), artifacts)
    report = build(films((template, "{title} {genres}")), artifacts)
    assert counts(report) == (3, 2, 0)


def test_another_model_reuses_nothing(
    films: Films, artifacts: Path, tiny_model: Path, tmp_path: Path
) -> None:
    path = films()
    build(path, artifacts)
    # The same name and weights, but the first token's vector in the place of the mean.
    other = Path(shutil.copytree(tiny_model, tmp_path / "other" / "tiny"))
    pooling = other / "1_Pooling" / "config.json"
    settings = json.loads(pooling.read_text())
    if "pooling_mode" in settings:
        settings["pooling_mode"] = "cls"
    else:
        settings |= {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    pooling.write_text(json.dumps(settings))
    path.write_text(path.read_text().replace(str(tiny_model), str(other)))
    assert counts(build(path, artifacts)) == (5, 0, 0)


def test_identical_documents_are_encoded_once_also_across_batches(
    films: Films, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ["A", "A", "B", "A", "C", "B", "B"]
    movies = "\n".join(f"{row},{title},x" for row, title in enumerate(titles, 100))
    path = films(movies=f"movieId,title,genres\n{movies}\n")
    together = build(path, artifacts)
    monkeypatch.setattr("indexing.entries.BATCH_ROWS", 2)
    apart = build(path, artifacts, reuse=False)
    assert counts(together) == counts(apart) == (3, 0, 4)
    vectors = bundle_of(artifacts, apart).vectors
    for row, title in enumerate(titles):
        np.testing.assert_array_equal(vectors[row], vectors[titles.index(title)])
    np.testing.assert_allclose(vectors, bundle_of(artifacts, together).vectors, atol=1e-5, rtol=0)
    assert counts(build(path, artifacts)) == (0, 7, 0)


@pytest.mark.parametrize("name", [VECTORS, f"{SEGMENT}/documents.npy", "manifest.json"])
def test_a_tampered_live_version_is_not_reused_and_does_not_stop_the_build(
    toys: Path, live: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = ArtifactStore(live).live_folder() / name
    damaged.chmod(0o644)
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    report = build(toys, live)
    assert counts(report) == (3, 0, 0)
    assert any(
        message.startswith(f"the live version cannot be read: {name}: ")
        for message in caplog.messages
    )
    assert open_bundle(ArtifactStore(live).live_folder()).version == report.version


def test_garbage_in_current_does_not_stop_the_build(toys: Path, live: Path) -> None:
    (live / "CURRENT").write_text("garbage\n")
    report = build(toys, live)
    assert counts(report) == (3, 0, 0)
    assert ArtifactStore(live).current() == report.version


def test_a_rating_file_without_ratings_scores_everything_0(films: Films, artifacts: Path) -> None:
    report = build(films(ratings="userId,movieId,rating,timestamp\n"), artifacts)
    popularity = bundle_of(artifacts, report).items.popularity
    assert popularity is not None
    assert popularity.popularity_score.tolist() == [0.0] * 5


PRODUCTS = {
    "sku": ["SKU-007/β", "SKU-008", "0012"],
    "label": ["Wireless noise-cancelling headphones", "Cast iron frying pan", "Garden hose, 20 m"],
    "blurb": [
        "Bluetooth music over your ears for 30 hours",
        "For steaks and pancakes, works on every cooker",
        "Waters the lawn, with a spray nozzle",
    ],
    "price": [199.9, None, 24.5],
}
SHOP = """\
name = "shop"
[items]
file = "products.parquet"
id = "sku"
title = "label"
text = ["blurb"]
[items.attributes]
price = { column = "price", type = "number" }
[encoder]
precision = "f32"
"""


@pytest.mark.usefixtures("minilm_export")
def test_a_catalogue_of_products_is_built_and_searched(tmp_path: Path, artifacts: Path) -> None:
    pa.parquet.write_table(pa.table(PRODUCTS), tmp_path / "products.parquet")
    (tmp_path / "catalog.toml").write_text(SHOP)
    options = ["--catalog", str(tmp_path / "catalog.toml"), "--artifacts", str(artifacts)]
    done = CliRunner().invoke(main, ["build", *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert "3 items (3 encoded, 0 reused, 0 repeated)" in done.stdout

    folder = ArtifactStore(artifacts).live_folder()
    assert open_bundle(folder).manifest.catalog.template == "{title} {blurb}"
    assert open_bundle(folder).manifest.popularity is None
    assert not (folder / "popularity.parquet").exists()
    snapshot = load_snapshot(folder, LoadOptions(precision=Precision.F32))
    answer = ask(snapshot, SearchQuery(q="listen to music on the train", k=3))
    assert answer.profile == "standard"
    best, *others = answer.results
    assert (best.item_id, best.title) == ("SKU-007/β", "Wireless noise-cancelling headphones")
    assert (best.attributes, best.categories) == ({"price": 199.9}, [])
    assert (best.popularity_score, best.rating_count, best.mean_rating) == (None, None, None)
    weighed = {one["feature"]: one["weight"] for one in best.components}
    assert weighed == {
        "similarity": 1.0, "words": 0.4, "coverage": 0.3, "title_match": 1.2, "title_prefix": 0.4,
    }  # fmt: skip
    assert best.score == pytest.approx(sum(one["contribution"] for one in best.components))
    assert {result.item_id for result in others} == {"SKU-008", "0012"}
    assert ask(snapshot, SearchQuery(q="frying an egg", k=1)).results[0].attributes == {
        "price": None
    }
