"""An evaluation and a tuning of the bundled sample, from catalogue to written files."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import bm25s
import pytest

from indexing.catalog.toml import read_catalog_config
from indexing.documents import Corpus
from indexing.job import build
from indexing.measure import ascent
from indexing.measure import tune as tuning
from indexing.measure.evaluate import Subject, evaluate, open_subject
from indexing.measure.protocols import known_item, tag_out, tastes
from indexing.measure.protocols.pairs import PAIRS
from indexing.measure.report import Evaluation, Line, as_markdown, write_report
from indexing.measure.systems import LEADING, OURS
from indexing.measure.tune import tune, write_profile
from indexing.measure.verdict import write_tuning
from indexing.neighbours.ease import Ease
from shortlist.bundle.profiles import Profile
from shortlist.encoder.machine import Precision
from shortlist.errors import CatalogError

SYSTEMS = ["random", "popularity", "BM25", "similarity alone"]


@pytest.fixture(scope="module")
def calls() -> Counter[str]:
    """How often the evaluation did what takes long."""
    return Counter()


@pytest.fixture(scope="module")
def evaluation(repository: Path, sample_artifacts: Path, calls: Counter[str]) -> Evaluation:
    def counted(owner: type, name: str) -> None:
        original = getattr(owner, name)

        def count(*args: object, **options: object) -> object:
            calls[f"{owner.__name__}.{name}"] += 1
            return original(*args, **options)

        patch.setattr(owner, name, count)

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((Ease, "__init__"), (Corpus, "documents"), (bm25s.BM25, "index")):
            counted(owner, name)
        patch.setattr(known_item, "MAX_ITEMS", 60)
        patch.setattr(tag_out, "MAX_TAGS", 80)
        patch.setattr(tastes, "MAX_USERS", 40)
        catalog = repository / "data/sample/catalog.toml"
        return evaluate(open_subject(catalog, sample_artifacts), n_jobs=1)


def line(evaluation: Evaluation, protocol: str, system: str) -> Line:
    (measured,) = [one for one in evaluation.measured if one.protocol == protocol]
    return measured.line(system)


def test_every_system_and_profile_has_a_line(evaluation: Evaluation, subject: Subject) -> None:
    ours = subject.bundle.manifest.profiles
    texts = sorted(ours.keys() - {"related", "taste", "steered"})
    assert texts == ["notebook", "similarity", "standard", "tuned"]
    profiles = [f"profile {name}" for name in texts]
    place = profiles.index("profile standard") + 1
    profiles[place:place] = [f"profile standard without {part}" for part in ("titles", "ratings")]
    alone = [f"{part} alone" for part in ("text", "neighbours", "words")]
    for measured in evaluation.measured:
        of_items = measured.protocol == PAIRS
        assert measured.skipped is None
        systems = [*alone, OURS] if of_items else [*SYSTEMS, *profiles]
        assert [one.system for one in measured.lines] == systems
        assert 0 < measured.n_held_out < measured.n_topics


def test_a_fold_is_fitted_once_the_corpus_rendered_once_and_a_text_protocol_indexed_once(
    evaluation: Evaluation, calls: Counter[str]
) -> None:
    # five folds of users and the ratings before the temporal cut; three of texts, and pairs
    assert (len(evaluation.measured), len(evaluation.tastes)) == (4, 5)
    # EASE is fitted for our neighbours and for the reference
    assert calls == {"Ease.__init__": 12, "Corpus.documents": 1, "BM25.index": 3}


def test_the_order_of_the_systems_is_what_it_must_be(evaluation: Evaluation) -> None:
    def exact(system: str) -> float:
        return line(evaluation, "known item", system).every["exact"]

    def by_tag(system: str) -> float:
        return line(evaluation, "leave tag out", system).every["nDCG@10"]

    assert exact("random") < 0.1 < exact("similarity alone") < exact("profile tuned")
    assert by_tag("random") < 0.02 < by_tag("BM25") < by_tag("profile tuned")


def test_a_title_typed_as_it_is_comes_first(evaluation: Evaluation) -> None:
    tuned = line(evaluation, "known item", "profile tuned").every
    assert tuned["exact"] >= 0.97
    assert tuned["one typo"] >= 0.9


def test_the_difference_to_the_reference_is_that_of_the_means(evaluation: Evaluation) -> None:
    tuned = line(evaluation, "known item", "profile tuned")
    notebook = line(evaluation, "known item", "profile notebook")
    assert notebook.differences == {"profile notebook": None}
    gained = tuned.differences["profile notebook"]
    assert gained is not None
    expected = tuned.held_out["Success@1"] - notebook.held_out["Success@1"]
    assert gained.mean == pytest.approx(expected)


def test_queries_about_other_things_are_told_apart(evaluation: Evaluation) -> None:
    found = evaluation.off_topic
    assert found is not None
    assert (found.n_on_topic, found.n_off_topic) == (60, 60)
    assert min(found.precision, found.recall, found.area) > 0.8


def test_the_report_says_in_three_files_what_was_measured(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    table, data, chart = write_report(evaluation, tmp_path / "results")
    assert table.name == "evaluation-sample-films.md"
    assert table.read_text(encoding="utf-8") == f"{as_markdown(evaluation)}\n"
    raw = json.loads(data.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert raw["version"] == evaluation.version
    assert raw["measured"][0]["lines"][0]["system"] == "random"
    assert chart.read_bytes().startswith(b"\x89PNG")
    for system in SYSTEMS:
        assert f"| {system} |" in as_markdown(evaluation)


def test_a_catalogue_without_tags_ratings_or_topics_skips_and_names_what_it_lacks(
    write_catalog: Callable[..., Path], minilm_export: Path, tmp_path: Path
) -> None:
    catalog = write_catalog()
    text = catalog.read_text()
    begin, end = text.index("[tags]"), text.index("[document]")
    catalog.write_text(text[:begin] + text[end:].replace(" {tags}", ""))
    build(catalog, tmp_path / "artifacts", precision=Precision.F32)
    evaluation = evaluate(open_subject(catalog, tmp_path / "artifacts"), n_jobs=1)
    text = as_markdown(evaluation)
    assert "**Leave tag out**: skipped, the catalogue has no [tags]." in text
    assert "**Item to item**: skipped, the catalogue has no ratings by users." in text
    assert "**Personal**: skipped, the catalogue has no ratings by users." in text
    assert "**No good match**: skipped, catalog.toml names no [evaluation] topics." in text
    assert evaluation.cold == ()
    assert [one.system for one in evaluation.measured[0].lines][:2] == ["random", "BM25"]


def test_another_catalogue_than_the_published_one_is_refused(
    write_catalog: Callable[..., Path], minilm_export: Path, tmp_path: Path
) -> None:
    catalog = write_catalog()
    build(catalog, tmp_path / "artifacts", precision=Precision.F32)
    tags = (catalog.parent / "tags.csv").read_text().replace("robots", "machines")
    with pytest.raises(CatalogError, match="was built from other items or documents"):
        open_subject(write_catalog(tags=tags), tmp_path / "artifacts")


def test_a_learnt_profile_is_judged_on_queries_held_out(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_item, "MAX_ITEMS", 40)
    monkeypatch.setattr(tag_out, "MAX_TAGS", 60)
    monkeypatch.setattr(ascent, "WEIGHTS", (0.0, 0.3, 1.0))
    monkeypatch.setattr(ascent, "BAGS", 1)
    monkeypatch.setattr(tuning, "PRICES", (0.0,))
    monkeypatch.setattr(tastes, "MAX_USERS", 40)
    found = tune(subject, n_jobs=1)
    search = found.search
    assert search.profile.weights["similarity"] == 1.0
    in_place = {f"words in place, {kind}" for kind in ("tags", "categories", "pairs")}
    assert {one.protocol for one in search.judged} == {"leave tag out", "known item", *in_place}
    for one in search.judged:
        assert one.difference.mean == pytest.approx(one.learnt - one.before)
    table, data = write_tuning(found, tmp_path)
    verdict = "a significant gain" if search.significant else "no significant gain"
    assert f"{verdict} over profile {search.compared_with}" in table.read_text(encoding="utf-8")
    raw = json.loads(data.read_text())
    assert raw["search"]["significant"] is search.significant
    assert [one.compared_with for one in found.tastes] == ["related", "taste"]
    for taste, written in zip(found.tastes, raw["tastes"], strict=True):
        assert taste.profile.weights[LEADING[taste.compared_with == "related"]] == 1.0
        assert written["trees_win"] is taste.trees_win
        for one in taste.judged:
            assert one.difference.mean == pytest.approx(one.learnt - one.before)
            assert one.trees is not None
            assert one.trees_difference is not None
            assert one.trees_difference.mean == pytest.approx(one.trees - one.learnt)
        better = "beats" if taste.trees_win else "does not beat"
        assert f"a learned ranker {better}" in table.read_text(encoding="utf-8")


def test_a_profile_is_written_beside_what_the_file_says_already(
    repository: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sample"
    shutil.copytree(repository / "data/sample", folder)
    path = folder / "catalog.toml"
    before = path.read_text(encoding="utf-8")
    profile = Profile(n_candidates=200, n_popular=250, weights={"similarity": 1, "recency": 0.25})
    write_profile(path, "mine", profile)
    written = path.read_text(encoding="utf-8")
    assert read_catalog_config(path).profiles["mine"] == profile
    kept = {name: value for name, value in tomllib.loads(written).items() if name != "profiles"}
    assert kept == {k: v for k, v in tomllib.loads(before).items() if k != "profiles"}
    assert [line for line in before.splitlines() if line.startswith("#")] == [
        line for line in written.splitlines() if line.startswith("#")
    ], "every comment stays"


def test_a_catalogue_that_names_no_profile_can_be_built_after_tuning(
    write_catalog: Callable[..., Path], minilm_export: Path, tmp_path: Path
) -> None:
    catalog = write_catalog()
    assert "profiles" not in tomllib.loads(catalog.read_text())
    write_profile(catalog, "tuned", Profile(weights={"similarity": 1.0, "title_match": 0.5}))
    build(catalog, tmp_path / "artifacts", precision=Precision.F32)
    manifest = open_subject(catalog, tmp_path / "artifacts").bundle.manifest
    assert manifest.default_profile == "standard"
    assert {"notebook", "tuned"} <= set(manifest.profiles)


def test_text_ids_of_more_than_one_chunk_are_those_of_the_version(
    write_catalog: Callable[..., Path], minilm_export: Path, tmp_path: Path
) -> None:
    """The files are read in blocks of a megabyte, and a column comes in as many chunks."""
    rows = [f"item-{n:04},Film {n},{'x' * 1000}" for n in range(1500)]
    text = """name = "long"
[items]
file = "movies.csv"
id = "movieId"
title = "title"
text = ["plot"]
[document]
template = "{title}"
"""
    catalog = write_catalog(catalog=text, movies="\n".join(["movieId,title,plot", *rows, ""]))
    build(catalog, tmp_path / "artifacts", precision=Precision.F32)
    subject = open_subject(catalog, tmp_path / "artifacts")
    assert subject.bundle.ids.id_of(1499) == "item-1499"
