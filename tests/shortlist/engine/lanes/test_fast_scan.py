"""Codes of four bits are gone through only where their numbers fit each other."""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np
import pytest

from shortlist.engine.lanes.fast_scan import check_scan
from shortlist.errors import BundleCorrupt


def scan(n_rows: int = 100, *, factory: str = "PQ16x4fs") -> faiss.Index:
    rows = np.random.default_rng(5).standard_normal((n_rows, 32)).astype(np.float32)
    index = faiss.index_factory(32, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(rows)
    index.add(rows)
    return index


def set_to(name: str, value: int) -> Callable[[faiss.Index], None]:
    return lambda index: setattr(index, name, value)


def fewer_centroids(index: faiss.Index) -> None:
    index.pq.centroids.resize(index.pq.centroids.size() - 1)


def fewer_codes(index: faiss.Index) -> None:
    index.codes.resize(index.codes.size() - 16)


@pytest.mark.parametrize("n_rows", [16, 32, 33, 100])
@pytest.mark.parametrize("factory", ["PQ16x4fs", "PQ1x4fs", "Flat", "SQ8", "IVF4,Flat"])
def test_what_faiss_made_passes(n_rows: int, factory: str) -> None:
    check_scan("index.faiss", scan(n_rows, factory=factory))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (set_to("bbs", 48), "bbs is 48, expected 32"),
        (set_to("implem", 2), "implem is 2, expected 0"),
        (set_to("qbs", 0x33333333), "qbs is 858993459, expected 0"),
        (set_to("skip", 1), "skip is 1, expected 0"),
        (set_to("M", 18), "M2 is 16, expected 18"),
        (set_to("M2", 14), "M2 is 14, expected 16"),
        (set_to("ksub", 256), "ksub is 256, expected 16"),
        (set_to("nbits", 8), "nbits is 8, expected 4"),
        (set_to("ntotal", 500), "ntotal2 is 128, expected 512"),
        (set_to("ntotal2", 4096), "ntotal2 is 4096, expected 128"),
        (fewer_centroids, "centroids is 511, expected 512"),
        (fewer_codes, "codes is 1008, expected 1024"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(
    spoil: Callable[[faiss.Index], None], said: str
) -> None:
    index = scan()
    spoil(index)
    with pytest.raises(BundleCorrupt, match=said):
        check_scan("index.faiss", index)


def test_such_codes_in_lists_are_refused() -> None:
    with pytest.raises(BundleCorrupt, match="in lists cannot be checked"):
        check_scan("index.faiss", scan(factory="IVF4,PQ16x4fs"))
