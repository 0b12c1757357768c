"""What is nearest to the probes after changes, from what was nearest before."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from indexing import probed
from indexing.probed import nearest_after, nearest_of_all, write_nearest
from shortlist.bundle import layout
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.places import places_of
from shortlist.bundle.vectors import AllVectors


def drawn(n: int, seed: int) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def bundle(folder: Path, nearest: probed.Nearest) -> Any:
    write_nearest(folder, nearest)
    files = {layout.PROBED: None}
    return SimpleNamespace(folder=folder, manifest=SimpleNamespace(files=files))


def whole(vectors: Vectors) -> AllVectors:
    return AllVectors(
        [vectors], places_of([np.arange(len(vectors), dtype=np.int32)], n_items=len(vectors))
    )


PROBES, BEFORE, FRESH = drawn(5, 1), drawn(600, 2), drawn(60, 3)


def test_the_nearest_of_all_are_those_of_largest_product_best_first() -> None:
    found = nearest_of_all(PROBES, whole(BEFORE))
    assert found.shape == (5, 200)
    assert found.tolist() == np.argsort(-(PROBES @ BEFORE.T), axis=1)[:, :200].tolist()


def test_after_changes_they_are_those_of_comparing_all_anew(tmp_path: Path) -> None:
    live = bundle(tmp_path, nearest_of_all(PROBES, whole(BEFORE)))
    stays = np.ones(600, np.bool_)
    stays[::10] = False
    rows = np.where(stays, np.cumsum(stays) - 1, -1)
    vectors = whole(np.concatenate([BEFORE[stays], FRESH]))
    fresh = 540 + np.arange(60)
    found = nearest_after(live, PROBES, vectors, rows=rows, fresh=fresh)
    anew = nearest_of_all(PROBES, vectors)
    for own, true in zip(found, anew, strict=True):
        n_sure = int((own >= 0).sum())
        assert 150 < n_sure < 200
        assert own[:n_sure].tolist() == true[:n_sure].tolist()


def test_where_too_many_are_gone_all_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = nearest_of_all(PROBES, whole(BEFORE))
    live = bundle(tmp_path, before)
    left = np.setdiff1d(np.arange(600), before[0, 5:])
    rows = np.full(600, -1)
    rows[left] = np.arange(len(left))
    vectors = whole(BEFORE[left])
    found = nearest_after(live, PROBES, vectors, rows=rows, fresh=np.empty(0, np.int64))
    assert found.tolist() == nearest_of_all(PROBES, vectors).tolist()
