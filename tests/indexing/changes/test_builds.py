"""Builds keep the segments of what has not changed, and answer as builds from scratch do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexing import arrangement
from indexing.changing.publisher import Publisher, compact
from indexing.job import build
from shortlist.bundle.changes import Change, Op
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.command import main
from shortlist.engine.snapshot import load_snapshot
from tests.indexing.changes.goods import START, Item, write
from tests.indexing.changes.test_equality import answers, difference, one_by_one
from tests.publishing import OPTIONS


def live(store: ArtifactStore) -> Bundle:
    return open_bundle(store.live_folder())


def catalogue(store: ArtifactStore) -> Path:
    return store.root.parent / "catalogue" / "catalog.toml"


def sizes(bundle: Bundle) -> list[tuple[str, int, int]]:
    return [(one.name, one.info.entries, one.info.live) for one in bundle.segments]


def test_a_build_that_changes_nothing_publishes_nothing(goods: ArtifactStore) -> None:
    before = goods.versions()
    report = build(catalogue(goods), goods.root)
    assert (report.published, report.version) == (False, goods.current())
    assert goods.versions() == before
    command = ["build", "--catalog", str(catalogue(goods)), "--artifacts", str(goods.root)]
    told = CliRunner().invoke(main, command)
    assert f"nothing has changed: {report.version} stays live" in told.output


def test_a_changed_rating_writes_no_segment(goods: ArtifactStore) -> None:
    before = live(goods)
    ratings = catalogue(goods).parent / "ratings.csv"
    ratings.write_text(ratings.read_text() + "s5,5\n")
    report = build(catalogue(goods), goods.root)
    after = live(goods)
    assert report.published and report.counts.encoded == 0
    assert sizes(after) == sizes(before)
    name = "segments/s1/vectors.npy"
    assert (after.folder / name).samefile(before.folder / name)
    rated = after.items.popularity
    assert rated is not None and rated.rating_count.tolist() == [1, 2, 3, 4, 0, 1, 0]


def test_builds_over_one_another_answer_as_one_from_scratch(
    goods: ArtifactStore, tiny_model: Path, tmp_path: Path
) -> None:
    items: dict[str, Item] = dict(START)
    with one_by_one():
        shutil.rmtree(goods.root)
        build(catalogue(goods), goods.root)
        for number in range(6):
            items[f"n{number}"] = {**START["s1"], "name": f"robot {number}", "tags": ["new"]}
            items["s0"] = {**START["s0"], "about": f"a robot of year {number}"}
            items.pop(f"s{number + 1}", None)
            items = dict(sorted(items.items(), reverse=bool(number % 2)))
            write(catalogue(goods).parent, tiny_model, items, rated=True)
            build(catalogue(goods), goods.root, force=True)
        fresh = write(tmp_path / "fresh", tiny_model, items, rated=True)
        build(fresh, tmp_path / "built")
        one, other = (
            load_snapshot(ArtifactStore(root).live_folder(), OPTIONS)
            for root in (goods.root, tmp_path / "built")
        )
        assert len(one.bundle.segments) > 1
        assert difference(answers(one), answers(other)) is None


@pytest.fixture
def half_gone(goods: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    """Goods of which three in seven have another state in a segment of their own."""
    monkeypatch.setattr(arrangement, "OPEN_UP_TO", 3)
    publisher = Publisher(goods)
    changes = [Change(Op.PATCH, f"s{n}", {"about": "an old lamp"}) for n in range(3)]
    with goods.lock():
        publisher.publish(changes, applied={}, why="test")
    assert sizes(live(goods)) == [("s1", 7, 4), ("s2", 3, 3)]
    return goods


def test_compaction_writes_one_segment_and_changes_no_answer(half_gone: ArtifactStore) -> None:
    before = answers(load_snapshot(half_gone.live_folder(), OPTIONS))
    assert compact(half_gone).published
    after = load_snapshot(half_gone.live_folder(), OPTIONS)
    assert sizes(after.bundle) == [("s3", 7, 7)]
    assert difference(answers(after), before) is None
    assert not compact(half_gone).published


def test_a_build_takes_back_the_entries_that_its_sources_have(half_gone: ArtifactStore) -> None:
    report = build(catalogue(half_gone), half_gone.root)
    assert (report.published, report.counts.encoded) == (True, 0)
    assert sizes(live(half_gone)) == [("s1", 7, 7)]


def test_a_build_that_leaves_more_than_a_fifth_behind_compacts(
    half_gone: ArtifactStore, tiny_model: Path
) -> None:
    items = {
        sku: {**item, "about": "of late"} if sku < "s2" else item for sku, item in START.items()
    }
    write(catalogue(half_gone).parent, tiny_model, items, rated=True)
    build(catalogue(half_gone), half_gone.root)
    assert sizes(live(half_gone)) == [("s3", 7, 7)]


def test_another_language_of_words_keeps_no_segment(goods: ArtifactStore) -> None:
    path = catalogue(goods)
    path.write_text(path.read_text() + '[words]\nlanguage = "none"\n')
    report = build(path, goods.root)
    assert (report.counts.encoded, report.counts.reused) == (0, 7)
    bundle = live(goods)
    assert sizes(bundle) == [("s2", 7, 7)]
    assert bundle.segments[0].words is not None
    assert bundle.segments[0].words.language == "none"
