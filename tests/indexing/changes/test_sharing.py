"""What a version shares with the one that it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from indexing.changing.publisher import Publisher
from indexing.changing.splice import Chosen, spliced
from indexing.job import build
from shortlist.bundle.changes import change_of
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore
from tests.indexing.changes.test_equality import START, write


@pytest.fixture
def store(tmp_path: Path, tiny_model: Path, tiny_export: Path) -> ArtifactStore:
    path = write(tmp_path / "goods", tiny_model, START, rated=True)
    build(path, tmp_path / "artifacts")
    return ArtifactStore(tmp_path / "artifacts")


def published(store: ArtifactStore, *raws: dict[str, Any]) -> tuple[Bundle, Bundle]:
    """The version before and after changes, the second opened beside the first."""
    before = open_bundle(store.live_folder())
    publisher = Publisher(store)
    changes = [change_of(publisher.target().intake, raw) for raw in raws]
    with store.lock():
        publisher.publish(changes, applied={}, why="test", force=True)
    return before, open_bundle(store.live_folder(), sharing=before)


def shared(before: Bundle, after: Bundle) -> set[str]:
    return {
        name
        for name in after.manifest.files
        if name in before.manifest.files and (before.folder / name).samefile(after.folder / name)
    }


def test_a_price_changes_the_item_columns_and_nothing_else(store: ArtifactStore) -> None:
    before, after = published(store, {"op": "patch", "item_id": "s1", "set": {"price": 99}})
    own = set(after.manifest.files) - shared(before, after)
    assert own == {"items.arrow", "source/changed.arrow"}
    assert after.items.attributes["price"].to_pylist()[:3] == [0.5, 99, 2.5]
    assert after.ids is before.ids
    assert after.sections.features is before.sections.features
    assert after.sections.suggestions is before.sections.suggestions


def test_a_date_changes_the_features_too(store: ArtifactStore) -> None:
    before, after = published(
        store, {"op": "patch", "item_id": "s1", "set": {"added": "2026-01-01"}}
    )
    own = set(after.manifest.files) - shared(before, after)
    assert own == {"items.arrow", "features.arrow", "popular.npy", "source/changed.arrow"}
    assert after.sections.features is not before.sections.features
    assert after.sections.features is not None
    recency = after.sections.features.columns["recency"].tolist()
    assert recency[1] == 1.0 > max(recency[0], recency[2])


def test_a_new_item_has_another_id_map_and_keeps_the_ids_in_place(store: ArtifactStore) -> None:
    item = {"sku": "new", "name": "a new lamp", "tags": ["shiny"]}
    before, after = published(store, {"op": "upsert", "item": item})
    assert after.ids.ids.to_pylist() == [*before.ids.ids.to_pylist(), "new"]
    assert {"id_map.arrow", "popularity.parquet"}.isdisjoint(shared(before, after))
    assert "source/items.arrow" in shared(before, after)


def test_a_column_in_which_nothing_changes_is_the_column_itself() -> None:
    before, changed = pa.array([1, 2, 3]), pa.array([2, 5])
    assert spliced(before, changed.slice(0, 1), Chosen(np.array([0, 3, 2]), 3)) is before
    found = spliced(before, changed, Chosen(np.array([0, 3, 4]), 3))
    assert found.to_pylist() == [1, 2, 5]
    moved = spliced(before, changed, Chosen(np.array([1, 3, 2]), 3))
    assert moved.to_pylist() == [2, 2, 3]
