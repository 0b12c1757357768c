"""Suggest: completions of a title that is being typed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from shortlist.bundle.all_titles import AllTitles
from shortlist.bundle.sections import Sections
from shortlist.bundle.sections.suggestion_order import WordOrder
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.query import SuggestQuery
from shortlist.engine.query_reading import read_query
from shortlist.engine.snapshot import Snapshot, load_snapshot
from shortlist.engine.suggest import suggest
from shortlist.errors import FeatureUnavailable, InvalidParameter
from tests.publishing import OPTIONS, publish


def titles(snapshot: Snapshot, text: str, k: int = 8) -> list[str]:
    return [one.title for one in suggest(snapshot, SuggestQuery(q=text, k=k)).suggestions]


def test_titles_that_begin_so_come_first_the_most_rated_before_others(
    sample_snapshot: Snapshot,
) -> None:
    answer = suggest(sample_snapshot, SuggestQuery(q="toy st"))
    assert answer.suggestions[0].title == "Toy Story (1995)"
    scores = [one.score for one in answer.suggestions]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_a_title_is_found_from_any_of_its_words(sample_snapshot: Snapshot) -> None:
    assert "Usual Suspects, The (1995)" in titles(sample_snapshot, "suspe")
    assert titles(sample_snapshot, "the usual s") == titles(sample_snapshot, "usual s")


def test_typing_mistakes_and_diacritics_are_tolerated(sample_snapshot: Snapshot) -> None:
    assert titles(sample_snapshot, "jurasic park")[0] == "Jurassic Park (1993)"
    assert titles(sample_snapshot, "la nuit americaine")[0].startswith("Day for Night")


@pytest.mark.parametrize("text", ["s", "the", "a", "!", "x" * 1000, "七人"])
def test_no_more_than_k_and_no_item_twice(sample_snapshot: Snapshot, text: str) -> None:
    for k in (1, 8, 50):
        answer = suggest(sample_snapshot, SuggestQuery(q=text, k=k))
        ids = [one.item_id for one in answer.suggestions if one.kind == "title"]
        assert len(ids) == len(set(ids))
        assert len(answer.suggestions) <= k


def test_fewer_are_the_beginning_of_more(sample_snapshot: Snapshot) -> None:
    assert titles(sample_snapshot, "star", 20)[:5] == titles(sample_snapshot, "star", 5)


def test_blocked_items_are_not_suggested(sample_snapshot: Snapshot) -> None:
    first = suggest(sample_snapshot, SuggestQuery(q="toy st")).suggestions[0]
    row = sample_snapshot.bundle.ids.row_of(first.item_id)
    blocked = replace(sample_snapshot, blocked_rows=np.array([row]))
    assert first.title not in titles(blocked, "toy st")


@pytest.mark.parametrize("k", [0, 51, -1])
def test_k_is_1_to_50(k: int) -> None:
    with pytest.raises(InvalidParameter, match=f"k: expected at (least 1|most 50), found {k}"):
        read_query(SuggestQuery, {"q": "a", "k": k})


def test_a_bundle_without_titles_says_so(sample_snapshot: Snapshot) -> None:
    bundle = replace(sample_snapshot.bundle, sections=Sections())
    with pytest.raises(FeatureUnavailable, match="built without titles"):
        suggest(replace(sample_snapshot, bundle=bundle), SuggestQuery(q="a"))


def test_over_http_the_answer_is_json_and_errors_are_problems(sample_client: FlaskClient) -> None:
    body = sample_client.get("/v1/suggest?q=toy+st&k=1").get_json()
    assert list(body) == ["query", "index_version", "suggestions"]
    assert list(body["suggestions"][0]) == ["item_id", "title", "kind", "count", "score"]
    for query, field in (
        ("", "q"),
        ("q=+", "q"),
        ("q=a&k=0", "k"),
        ("q=a&k=x", "k"),
        ("q=a&z=1", "z"),
    ):
        response = sample_client.get(f"/v1/suggest?{query}")
        assert response.status_code == 422
        assert [one["field"] for one in response.get_json()["errors"]] == [field]


NAMES = (
    *("activity-aware-firefox", "libnginx-mod-http-echo", "python3-certbot-nginx", "firefox"),
    *("nginx-extras", "nginx", "firefox-l10n-de", "collectd-core", "gimp", "gimp-data"),
)


@pytest.fixture(scope="module")
def packages(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_export: Path
) -> Snapshot:
    """Packages nobody rated, all of the category Web but gimp's; six have the tag server."""
    folder = tmp_path_factory.mktemp("packages")
    rows = (f"{name},{name},{'Art' if 'gimp' in name else 'Web'}\n" for name in NAMES)
    (folder / "items.csv").write_text("id,title,kind\n" + "".join(rows))
    tags = [(name, tag) for name in NAMES[:6] for tag in ("Server", "server", "server")]
    tags += [(name, "web") for name in NAMES[:5]] + [(name, "rare") for name in NAMES[:4]]
    (folder / "tags.csv").write_text("id,tag\n" + "".join(f"{a},{b}\n" for a, b in tags))
    (folder / "catalog.toml").write_text(
        'name = "packages"\n[items]\nfile = "items.csv"\nid = "id"\ntitle = "title"\n'
        'categories = { column = "kind" }\n[tags]\nfile = "tags.csv"\nitem = "id"\ntag = "tag"\n'
        f'[encoder]\nmodel = "{tiny_model}"\n'
    )
    publish(folder / "catalog.toml", folder / "artifacts")
    return load_snapshot(ArtifactStore(folder / "artifacts").live_folder(), OPTIONS)


def test_a_title_that_begins_so_comes_before_one_that_holds_it(packages: Snapshot) -> None:
    assert titles(packages, "fire", 3) == ["firefox", "firefox-l10n-de", "activity-aware-firefox"]


def test_of_titles_that_begin_so_the_shorter_comes_first(packages: Snapshot) -> None:
    assert titles(packages, "ngi", 3) == ["nginx", "nginx-extras", "python3-certbot-nginx"]


def test_popularity_comes_before_length(sample_snapshot: Snapshot) -> None:
    features = sample_snapshot.bundle.sections.features
    assert features is not None
    volume = features.columns["rating_volume"]
    row_of = sample_snapshot.bundle.ids.row_of
    found = suggest(sample_snapshot, SuggestQuery(q="star", k=10)).suggestions
    begun = [one for one in found if one.score >= 0.75 and one.item_id is not None]
    volumes = [volume[row_of(one.item_id)] for one in begun if one.item_id is not None]
    assert len(begun) > 3
    assert volumes == sorted(volumes, reverse=True)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("lord rings", "Lord of the Rings: "),
        ("rings lo", "Lord of the Rings: "),
        ("wars star", "Star Wars: "),
        ("spirted away", "Spirited Away "),
        ("spirted a", "Spirited Away "),
        ("sprite", "Spirited Away "),
        ("strawars", "Star Wars: "),
        ("hary pot", "Harry Potter "),
        ("knigt", "Dark Knight, The"),
    ],
)
def test_words_in_any_order_and_mistakes_in_the_first_letters_are_found(
    sample_snapshot: Snapshot, text: str, first: str
) -> None:
    assert titles(sample_snapshot, text)[0].startswith(first)


def test_categories_and_frequent_tags_are_offered_as_such(packages: Snapshot) -> None:
    def labels(text: str) -> list[tuple[str, str, int | None]]:
        found = suggest(packages, SuggestQuery(q=text)).suggestions
        return [(one.kind, one.title, one.count) for one in found if one.item_id is None]

    assert labels("we") == [("category", "Web", 8)]
    assert labels("ser") == [("tag", "server", 6)]
    assert labels("rare") == []


def test_a_catalogue_without_categories_and_tags_offers_titles_alone(
    tmp_path: Path, tiny_model: Path, tiny_export: Path
) -> None:
    (tmp_path / "items.csv").write_text("id,title\n1,nginx\n2,gimp\n")
    (tmp_path / "catalog.toml").write_text(
        'name = "bare"\n[items]\nfile = "items.csv"\nid = "id"\ntitle = "title"\n'
        f'[encoder]\nmodel = "{tiny_model}"\n'
    )
    publish(tmp_path / "catalog.toml", tmp_path / "artifacts")
    snapshot = load_snapshot(ArtifactStore(tmp_path / "artifacts").live_folder(), OPTIONS)
    assert titles(snapshot, "gi") == ["gimp"]


def test_no_more_than_two_labels_are_offered(sample_snapshot: Snapshot) -> None:
    found = suggest(sample_snapshot, SuggestQuery(q="s", k=50)).suggestions
    assert [one.kind for one in found if one.item_id is None] != []
    assert sum(one.item_id is None for one in found) <= 2


def test_a_bundle_from_before_the_order_gives_the_same_titles(sample_snapshot: Snapshot) -> None:
    bundle = sample_snapshot.bundle
    titles_of = bundle.sections.titles
    assert titles_of is not None
    unordered = AllTitles(tuple(replace(part, order=None) for part in titles_of.parts))
    older = replace(bundle, sections=replace(bundle.sections, titles=unordered, suggestions=None))
    before = replace(sample_snapshot, bundle=older)
    for text in ("s", "the", "star w", "lord rings", "spirted"):
        found = suggest(sample_snapshot, SuggestQuery(q=text, k=50)).suggestions
        named = [one.title for one in found if one.kind == "title"]
        assert titles(before, text, 50)[: len(named)] == named


def test_the_best_of_a_long_range_are_those_of_sorting_it() -> None:
    ranks = np.random.default_rng(3).permutation(10_000).astype(np.int32)
    order = WordOrder(ranks)
    for first, last, n in ((0, 10_000, 5), (17, 9_000, 40), (100, 101, 5), (5, 5, 3)):
        expected = first + np.argsort(ranks[first:last], kind="stable")[:n]
        assert order.best(first, last, n).tolist() == expected.tolist()
