"""Tags and ratings: joined in file order, counted when of unknown items, refused when wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from indexing.catalog import Catalog, read_catalog
from indexing.catalog.events import joined_tags
from indexing.catalog.toml import read_catalog_config
from indexing.job import build

Films = Callable[..., Path]
Refused = Callable[..., str]


def catalog_of(path: Path) -> Catalog:
    return read_catalog(read_catalog_config(path))


def joined(catalog: Catalog) -> list[str]:
    assert catalog.tags is not None
    tags: list[str] = joined_tags(catalog.tags.table, catalog.n_items).tolist()
    return tags


def test_tags_are_joined_in_file_order_with_repetitions(films: Films) -> None:
    catalog = catalog_of(films(tags="movieId,tag\n4,b\n1,z\n4,a\n4,b\n"))
    assert joined(catalog) == ["z", "", "", "b a b", ""]


def test_a_tag_file_may_be_empty(films: Films) -> None:
    catalog = catalog_of(films(tags="movieId,tag\n"))
    assert joined(catalog) == [""] * 5


def test_tags_and_ratings_of_unknown_items_are_counted_warned_about_and_left_out(
    films: Films, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = films(
        tags="movieId,tag\n1,a\n99,b\n1,c\n01,d\n,e\n",
        ratings="userId,movieId,rating,timestamp\n1,1,4,0\n1,98,1,0\n1,97,1,0\n",
    )
    counts = build(path, tmp_path / "artifacts").manifest.counts
    # 99, 01 and the empty id are unknown; so are 98 and 97.
    assert (counts.tags, counts.dropped_tags) == (2, 3)
    assert (counts.ratings, counts.dropped_ratings) == (1, 2)
    assert "3 tags of unknown items left out" in caplog.messages
    assert "2 ratings of unknown items left out" in caplog.messages


def test_ratings_have_rows_values_users_and_times(films: Films) -> None:
    ratings = catalog_of(films()).ratings
    assert ratings is not None
    assert ratings.table.to_dict("list") == {
        "row": [0, 0, 0, 1, 2],
        "value": [5.0, 4.0, 4.5, 2.0, 3.5],
        "user": ["1", "2", "3", "1", "2"],
        "time": ["10", "11", "12", "13", "14"],
    }


@pytest.mark.parametrize("value", ["5.5", "0", "-1", "nan", "inf", "good", ""])
def test_a_rating_outside_its_scale_is_refused_with_its_line(
    films: Films, refused: Refused, value: str
) -> None:
    path = films(
        ratings=f"userId,movieId,rating,timestamp\n1,1,0.5,1\n2,1,5,2\n1,2,{value},3\n2,2,4,4\n"
    )
    assert refused(path) == (
        f"{path.parent / 'ratings.csv'}: line 4: rating {value!r}: expected a number from 0.5 to 5"
        " (1 such records)"
    )


def test_a_rating_of_an_unknown_item_must_be_in_the_scale_as_well(
    films: Films, refused: Refused
) -> None:
    path = films(ratings="userId,movieId,rating,timestamp\n1,99,9,1\n1,98,8,1\n")
    assert "line 2: rating '9': expected a number from 0.5 to 5 (2 such records)" in refused(path)


def test_one_missing_parquet_id_does_not_lose_the_others(films: Films) -> None:
    path = films(('file = "tags.csv"', 'file = "tags.parquet"'))
    table = pa.table({"movieId": pa.array([1, None, 4]), "tag": ["a", "b", "c"]})
    pa.parquet.write_table(table, path.parent / "tags.parquet")
    catalog = catalog_of(path)
    assert joined(catalog) == ["a", "", "", "c", ""]
    assert catalog.tags is not None
    assert catalog.tags.n_dropped == 1
