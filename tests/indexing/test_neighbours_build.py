"""The neighbour section of a build: when it is learnt, taken over, or left out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexing.job import build
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import CatalogError
from tests.catalogues import FILMS

Films = Callable[..., Path]

RATINGS = """\
userId,movieId,rating,timestamp
1,1,5.0,10
1,4,4.0,11
2,1,4.5,12
2,4,5.0,13
3,2,4.0,14
3,3,4.0,15
3,4,1.0,16
"""
NOTEBOOK = "[profiles.notebook]\nweights = { similarity = 1 }\n"
TAKEN_OVER = "neighbours taken over: no rating has changed"


def live(artifacts: Path) -> Bundle:
    return open_bundle(ArtifactStore(artifacts).live_folder())


def pairs(bundle: Bundle) -> dict[tuple[int | str, int | str], float]:
    """Co-liked shares by ids."""
    neighbours = bundle.sections.neighbours
    assert neighbours is not None
    lists = neighbours.co_liked
    assert lists.weights is not None
    return {
        (bundle.ids.id_of(row), bundle.ids.id_of(int(lists.indices[place]))): float(
            lists.weights[place]
        )
        for row in range(len(lists))
        for place in range(int(lists.offsets[row]), int(lists.offsets[row + 1]))
    }


def test_a_build_learns_who_likes_what_together(films: Films, tmp_path: Path) -> None:
    build(films(ratings=RATINGS), tmp_path / "artifacts")
    bundle = live(tmp_path / "artifacts")
    found = pairs(bundle)
    assert set(found) == {(1, 4), (4, 1), (2, 3), (3, 2)}
    # both who like 1 like 4, and so do 2 of 3 users in all: (2 + 3·2/3) / (2 + 3)
    assert found[1, 4] == pytest.approx(4 / 5, abs=1e-3)
    section = bundle.manifest.sections["neighbours"]
    assert (section.required, section.params["model"]) == (False, "ease")
    manifest = bundle.manifest
    assert (manifest.similar_profile, manifest.recommend_profile) == ("related", "taste")
    assert manifest.steered_profile == "steered"
    assert {"notebook", "related", "taste", "steered"} <= set(manifest.profiles)


def test_who_names_a_profile_for_tastes_has_it_for_texts_beside_them_too(
    films: Films, tmp_path: Path
) -> None:
    own = 'name = "tiny"\nrecommend_profile = "notebook"\n'
    build(films(('name = "tiny"\n', own), ratings=RATINGS), tmp_path / "artifacts")
    assert live(tmp_path / "artifacts").manifest.steered_profile == "notebook"


def test_unchanged_likes_are_taken_over_to_where_items_stand_now(
    films: Films, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="indexing")
    artifacts = tmp_path / "artifacts"
    build(films(ratings=RATINGS), artifacts)
    before = pairs(live(artifacts))
    header, *rows = FILMS.splitlines()
    moved = "\n".join([header, "9,New Film (2024),Drama", *reversed(rows)]) + "\n"
    assert TAKEN_OVER not in caplog.text
    build(films(movies=moved, ratings=RATINGS), artifacts)
    assert TAKEN_OVER in caplog.text
    assert pairs(live(artifacts)) == before
    fresh = tmp_path / "fresh"
    build(films(movies=moved, ratings=RATINGS), fresh)
    for one, other in zip(
        vars(live(artifacts).sections.neighbours).values(),
        vars(live(fresh).sections.neighbours).values(),
        strict=True,
    ):
        assert np.array_equal(one.offsets, other.offsets)
        assert np.array_equal(one.indices, other.indices)
        assert np.allclose(one.weights, other.weights, atol=1e-3)


@pytest.mark.parametrize("changed", ["a like", "a rating", "a setting"])
def test_what_has_changed_is_learnt_again(
    films: Films, tmp_path: Path, caplog: pytest.LogCaptureFixture, changed: str
) -> None:
    caplog.set_level(logging.INFO, logger="indexing")
    artifacts = tmp_path / "artifacts"
    build(films(ratings=RATINGS), artifacts)
    if changed == "a like":
        build(films(ratings=RATINGS + "2,2,5.0,17\n"), artifacts)
        assert (1, 2) in pairs(live(artifacts))
    elif changed == "a rating":
        build(films(ratings=RATINGS + "2,2,2.0,17\n"), artifacts)
    else:
        edit = ("[document]", "[neighbours]\nregularisation = 7.0\n[document]")
        build(films(edit, ratings=RATINGS), artifacts)
    assert TAKEN_OVER not in caplog.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('user = "userId"\n', ""),
        ("[document]", '[neighbours]\nmodel = "none"\n[document]'),
        ("[document]", "[neighbours]\nliked_from = 5.0\n[document]"),
    ],
)
def test_without_users_or_pairs_of_likes_there_is_no_section(
    films: Films, tmp_path: Path, old: str, new: str
) -> None:
    build(films((old, new), ratings=RATINGS), tmp_path / "artifacts")
    bundle = live(tmp_path / "artifacts")
    assert "neighbours" not in bundle.manifest.sections
    assert bundle.sections.neighbours is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[neighbours]\nmodel = "best"\n', "neighbours.model"),
        ("[neighbours]\nregularisation = 0\n", "neighbours.regularisation"),
        ("[neighbours]\nk = 3\n", "neighbours.k"),
        ("[profiles.x]\nweights = { co_liked = 1 }\n", "give similarity a weight above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    films: Films, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        build(films(("[document]", f"{NOTEBOOK}{text}[document]")), tmp_path / "artifacts")


def test_a_role_names_a_profile_that_exists(films: Films, tmp_path: Path) -> None:
    edit = ('name = "tiny"\n', 'name = "tiny"\nrecommend_profile = "mine"\n')
    with pytest.raises(CatalogError, match="recommend_profile 'mine' is none of: notebook, "):
        build(films(edit), tmp_path / "artifacts")
