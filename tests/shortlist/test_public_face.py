"""import shortlist: few names, typed, and answers that print, iterate and become tables."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
import typing
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import shortlist
from indexing.job import build
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision
from shortlist.engine.answer import Answer
from shortlist.engine.suggest import SuggestAnswer
from shortlist.errors import BundleMissing, InvalidParameter, ItemUnknown


@pytest.fixture(scope="module")
def catalog(sample_artifacts: Path) -> shortlist.OpenCatalog:
    return shortlist.open(sample_artifacts, precision="f32")


def test_the_package_has_these_names_and_no_others() -> None:
    assert dir(shortlist) == ["OpenCatalog", "ShortlistError", "open"] == sorted(shortlist.__all__)
    with pytest.raises(AttributeError, match="no attribute 'engine_of_growth'"):
        _ = shortlist.engine_of_growth


def test_an_open_catalogue_has_these_methods_each_with_types_and_a_docstring() -> None:
    public = {name for name in vars(shortlist.OpenCatalog) if not name.startswith("_")}
    assert public == {
        "batch", "item", "popular", "recommend", "recommend_to", "search", "similar", "suggest",
        "version",
    }  # fmt: skip
    for name in public - {"version"}:
        method = getattr(shortlist.OpenCatalog, name)
        assert inspect.getdoc(method)
        assert typing.get_type_hints(method)["return"] is not None
    assert (Path(shortlist.__file__).parent / "py.typed").is_file()


def test_importing_it_loads_neither_the_engine_nor_a_numeric_library() -> None:
    script = (
        "import shortlist, sys; print([m for m in ('faiss', 'numpy') if m in sys.modules]);"
        "import shortlist.engine.ranking; print([m for m in ('faiss',) if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["[]", "[]"]


def test_a_search_iterates_and_prints_as_a_table(catalog: shortlist.OpenCatalog) -> None:
    answer = catalog.search("a robot left alone on earth", k=3)
    assert [result.rank for result in answer] == [1, 2, 3]
    assert answer[0].title == "WALL·E (2008)"
    head, first, *_ = str(answer).splitlines()
    assert head.split() == ["rank", "id", "title", "score", "of", "which"]
    assert first.split("  ")[0] == "1"
    assert f"{answer[0].score:.4f}" in first
    assert "similarity 0." in first
    assert repr(answer) == str(answer)
    assert len(answer) == 3


def test_in_a_notebook_it_is_an_escaped_table(catalog: shortlist.OpenCatalog) -> None:
    answer = catalog.search("love & <war>", k=2)
    html = answer._repr_html_()
    assert html.startswith("<table><tr><th>rank</th>")
    assert html.count("<tr>") == 3
    results = [answer[0].__class__(**{**vars(answer[0]), "title": "<b>&"})]
    assert "&lt;b&gt;&amp;" in Answer(**{**vars(answer), "results": results})._repr_html_()


def test_results_become_dictionaries_and_a_table(catalog: shortlist.OpenCatalog) -> None:
    answer = catalog.search("mafia", k=4)
    dicts = answer.to_dicts()
    assert [one["item_id"] for one in dicts] == [one.item_id for one in answer]
    assert dicts[0]["components"][0]["feature"] == "similarity"
    table = answer.to_pandas()
    assert isinstance(table, pd.DataFrame)
    assert table["title"].tolist() == [one.title for one in answer]
    terms = table[["score.similarity", "score.popularity"]].sum(axis=1)
    assert terms.tolist() == pytest.approx(table["score"].tolist(), abs=1e-12)


def test_every_list_of_the_api_is_there(catalog: shortlist.OpenCatalog) -> None:
    first = catalog.popular(k=1)[0]
    assert (
        catalog.item(first.item_id).title == catalog.item(str(first.item_id)).title == first.title
    )
    assert first.item_id not in [one.item_id for one in catalog.similar(first.item_id)]
    liked = catalog.recommend([first.item_id], text="space", k=3)
    assert (len(liked), liked.ignored) == (3, [])
    rated = catalog.recommend({first.item_id: 5.0}, k=3)
    assert rated.collaboration is not None
    assert rated.collaboration.given == 1
    suggestions = catalog.suggest("toy st", k=2)
    assert isinstance(suggestions, SuggestAnswer)
    assert suggestions[0].title == "Toy Story (1995)"
    assert "Toy Story (1995)" in str(suggestions)
    filtered = catalog.search("", filters={"categories": {"any": ["Western"]}}, k=3)
    assert all("Western" in one.categories for one in filtered)
    one, other = catalog.batch(["love", {"q": "a heist", "k": 1}], k=2)
    assert isinstance(one, Answer)
    assert isinstance(other, Answer)
    assert (len(one), len(other)) == (2, 1)


def test_what_is_wrong_is_told_as_by_the_api(catalog: shortlist.OpenCatalog) -> None:
    with pytest.raises(InvalidParameter, match="k: expected at least 1, found 0"):
        catalog.search("love", k=0)
    with pytest.raises(InvalidParameter, match="limit: no such parameter; known: k, n_candidates"):
        catalog.search("love", limit=5)
    with pytest.raises(ItemUnknown):
        catalog.item("nothing")
    with pytest.raises(shortlist.ShortlistError, match="nothing is published here"):
        shortlist.open("/nonexistent")


def test_many_threads_get_the_same_answers(catalog: shortlist.OpenCatalog) -> None:
    expected = [one.item_id for one in catalog.search("courtroom drama")]
    found: list[list[int | str]] = []

    def ask() -> None:
        found.append([one.item_id for one in catalog.search("courtroom drama")])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


@pytest.fixture
def two_versions(films: Callable[..., Path], tmp_path: Path) -> tuple[Path, str, str]:
    """Two versions of the five films; the second has another title and is live."""
    artifacts = tmp_path / "artifacts"
    first = build(films(), artifacts, precision=Precision.F32).version
    renamed = (films()).parent / "movies.csv"
    renamed.write_text(renamed.read_text().replace("Star Voyage", "Star Journey"))
    second = build(renamed.parent / "catalog.toml", artifacts, precision=Precision.F32).version
    return artifacts, first, second


def test_an_older_version_can_be_opened_by_its_name(two_versions: tuple[Path, str, str]) -> None:
    artifacts, first, second = two_versions
    assert shortlist.open(artifacts).item(1).title == "Star Journey (1999)"
    old = shortlist.open(artifacts, version=first, follow=True)
    assert (old.version, old.item(1).title, len(old)) == (first, "Star Voyage (1999)", 5)
    assert repr(old) == f"<tiny: 5 items, version {first}>"
    with pytest.raises(BundleMissing, match=f"published: {first}, {second}"):
        shortlist.open(artifacts, version="x")


def test_it_follows_only_when_asked_and_only_to_what_is_sound(
    two_versions: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts, first, second = two_versions
    monkeypatch.setattr("shortlist.opened._LOOK_S", 0.0)
    still, following = shortlist.open(artifacts), shortlist.open(artifacts, follow=True)
    store = ArtifactStore(artifacts)
    with store.lock():
        store.rollback(first)
    assert (still.version, following.version) == (second, first)
    (artifacts / "CURRENT").write_text("nonsense\n")
    assert following.item(1).title == "Star Voyage (1999)"
    (artifacts / "CURRENT").write_text(f"{first}\n")
    (artifacts / "BLOCKLIST").write_text("1\n")
    with pytest.raises(ItemUnknown):
        following.item(1)
