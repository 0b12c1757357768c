"""Large catalogues put together from a small one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.catalogues import PARTS, recombined
from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config


def made(folder: Path, **size: int) -> Path:
    return recombined(folder, **{"n_items": 300, "n_ratings": 2000, "n_users": 40, **size})


def test_a_recombined_catalogue_is_one_that_a_build_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MOVIELENS", raising=False)
    catalog = read_catalog(read_catalog_config(made(tmp_path)))
    assert catalog.n_items == 300
    assert catalog.items.ids.tolist() == list(range(1, 301))
    assert catalog.tags is not None and catalog.ratings is not None
    assert catalog.tags.n_dropped == catalog.ratings.n_dropped == 0
    assert len(catalog.ratings.table) == 2000
    assert catalog.ratings.table["user"].nunique() <= 40
    years = catalog.items.attributes["year"].to_pylist()
    assert [f"({year})" for year in years] == catalog.items.titles.str[-6:].tolist()


def test_parts_have_the_shares_that_are_said(tmp_path: Path) -> None:
    catalog = read_catalog(read_catalog_config(made(tmp_path, n_items=10_000)))
    parts = Counter(catalog.items.attributes["part"].to_pylist())
    assert sum(PARTS.values()) == pytest.approx(1)
    shares = {name: parts[name] / 10_000 for name in PARTS}
    assert shares == pytest.approx(PARTS, abs=0.02)
    assert 0.0003 < shares["thousandth"] < 0.003
    assert min(catalog.items.attributes["price"].to_pylist()) > 0


def test_equal_arguments_give_equal_files(tmp_path: Path) -> None:
    one, other, longer = (made(tmp_path / name, n_ratings=n).parent
                          for name, n in (("a", 2000), ("b", 2000), ("c", 2001)))  # fmt: skip
    for name in ("items.csv", "tags.csv", "ratings.csv", "catalog.toml"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert (one / "items.csv").read_bytes() == (longer / "items.csv").read_bytes()
    assert (one / "ratings.csv").read_bytes() != (longer / "ratings.csv").read_bytes()
