"""The Arrow tables: read back as written, mapped rather than copied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.bundle.arrays import Csr
from shortlist.bundle.tables import (
    Categories,
    IdMap,
    ItemTable,
    PopularityColumns,
    read_id_map,
    read_items,
    write_id_map,
    write_items,
)
from shortlist.errors import BundleCorrupt


def id_map(folder: Path, ids: Sequence[int | str]) -> IdMap:
    kind = pa.int64() if isinstance(ids[0], int) else pa.large_string()
    write_id_map(folder / "id_map.arrow", pa.array(ids, kind))
    return read_id_map(folder / "id_map.arrow")


def test_integer_ids_are_found_by_value(tmp_path: Path) -> None:
    ids = id_map(tmp_path, [30, -10, 20, 0])
    assert len(ids) == 4
    assert [ids.row_of(item_id) for item_id in (30, -10, 20, 0)] == [0, 1, 2, 3]
    assert [ids.row_of(missing) for missing in (-11, 1, 21, 31, 2**63, -(2**80))] == [None] * 6
    assert [ids.id_of(row) for row in range(4)] == [30, -10, 20, 0]


def test_text_ids_are_found_whole(tmp_path: Path) -> None:
    ids = id_map(tmp_path, ["b", "SKU-007/β", "007", "B"])
    assert ids.row_of("SKU-007/β") == 1
    assert ids.row_of("007") == 2
    assert [ids.row_of(missing) for missing in ("", "7", "SKU-007/", "bb", "β", "~")] == [None] * 6
    assert ids.id_of(1) == "SKU-007/β"


def test_the_canonical_text_of_an_integer_id_will_do(tmp_path: Path) -> None:
    ids = id_map(tmp_path, [0, -5, 10])
    assert [ids.row_of(asked) for asked in ("0", "-5", "10", 10)] == [0, 1, 2, 2]
    assert ids.rows_of(["10", "010", 0, "x", 10]).tolist() == [0, 2]


@pytest.mark.parametrize("asked", ["01", " 1", "1.0", "+1", "-0", "", "9" * 30, True, False])
def test_an_integer_id_is_not_found_by_another_type(tmp_path: Path, asked: str | bool) -> None:
    assert id_map(tmp_path, [0, 1]).row_of(asked) is None


@pytest.mark.parametrize("asked", [1, True])
def test_a_text_id_is_not_found_by_another_type(tmp_path: Path, asked: int) -> None:
    assert id_map(tmp_path, ["1", "True"]).row_of(asked) is None


def test_a_text_that_is_no_unicode_is_no_id(tmp_path: Path) -> None:
    assert id_map(tmp_path, ["a", "z", "\U0001f600"]).row_of("\ud83d") is None


def test_text_ids_are_ordered_by_code_point(tmp_path: Path) -> None:
    # UTF-16 would put the emoji (surrogates d83d ...) before U+FF5E.
    texts = ["\uff5e", "\U0001f600", "z", "é", "e\u0301", "Z"]
    ids = id_map(tmp_path, texts)
    assert [ids.id_of(row) for row in ids.rows_by_id.tolist()] == sorted(texts)
    assert [ids.row_of(text) for text in texts] == list(range(6))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
integers = st.integers(-(2**63), 2**63 - 1)


@given(st.one_of(st.sets(texts, min_size=1), st.sets(integers, min_size=1)).map(list))
def test_every_row_is_found_by_its_id(ids: list[int | str]) -> None:
    with TemporaryDirectory() as folder:
        mapped = id_map(Path(folder), ids)
        for row, item_id in enumerate(ids):
            assert mapped.id_of(row) == item_id
            assert mapped.row_of(mapped.id_of(row)) == row


@given(st.lists(integers, min_size=1, unique=True), integers)
def test_a_missing_id_has_no_row(ids: list[int], asked: int) -> None:
    with TemporaryDirectory() as folder:
        expected = ids.index(asked) if asked in ids else None
        assert id_map(Path(folder), ids).row_of(asked) == expected


ITEMS = ItemTable(
    titles=pa.array(["one", "", "三"], pa.large_string()),
    categories=Categories(
        Csr(np.array([0, 2, 2, 3], np.int64), np.array([1, 0, 1], np.int32)), ("Drama", "War")
    ),
    attributes={
        "year": pa.array([1999, None, -5], pa.int64()),
        "price": pa.array([None, 0.5, 1e300], pa.float64()),
        "colour": pa.array(["red", None, ""], pa.large_string()),
    },
    popularity=PopularityColumns(
        np.array([2, 0, 1], np.int32),
        np.array([4.5, np.nan, 1.0]),
        np.array([0.9, 0.5, 0.25]),
    ),
)


@pytest.fixture
def items(tmp_path: Path) -> ItemTable:
    """ITEMS written and read."""
    write_items(tmp_path / "items.arrow", ITEMS)
    return read_items(tmp_path / "items.arrow")


def test_items_come_back_as_written(items: ItemTable) -> None:
    assert len(items) == 3
    assert items.titles.to_pylist() == ["one", "", "三"]
    assert [items.categories.of(row) for row in range(3)] == [["War", "Drama"], [], ["War"]]
    assert {name: column.to_pylist() for name, column in items.attributes.items()} == {
        "year": [1999, None, -5],
        "price": [None, 0.5, 1e300],
        "colour": ["red", None, ""],
    }
    assert items.popularity is not None
    assert items.popularity.rating_count.tolist() == [2, 0, 1]
    np.testing.assert_array_equal(items.popularity.mean_rating, [4.5, np.nan, 1.0])
    assert items.popularity.popularity_score.tolist() == [0.9, 0.5, 0.25]


def test_items_without_ratings_categories_and_attributes_come_back(tmp_path: Path) -> None:
    none = Categories(Csr(np.zeros(2, np.int64), np.empty(0, np.int32)), ())
    table = ItemTable(pa.array(["one"], pa.large_string()), none, {}, None)
    write_items(tmp_path / "items.arrow", table)
    items = read_items(tmp_path / "items.arrow")
    assert items.popularity is None
    assert items.attributes == {}
    assert (items.categories.of(0), items.categories.names) == ([], ())


def test_an_attribute_may_be_called_like_a_column_of_the_table(tmp_path: Path) -> None:
    attributes = {"title": pa.array([1], pa.int64()), "rating_count": pa.array(["x"])}
    none = Categories(Csr(np.zeros(2, np.int64), np.empty(0, np.int32)), ())
    table = ItemTable(pa.array(["one"], pa.large_string()), none, attributes, None)
    write_items(tmp_path / "items.arrow", table)
    items = read_items(tmp_path / "items.arrow")
    assert items.titles.to_pylist() == ["one"]
    assert items.attributes["title"].to_pylist() == [1]
    assert items.attributes["rating_count"].to_pylist() == ["x"]
    assert items.popularity is None


def test_no_column_is_copied(items: ItemTable, tmp_path: Path) -> None:
    assert items.popularity is not None
    arrays = [
        items.categories.lists.offsets,
        items.categories.lists.indices,
        items.popularity.rating_count,
        items.popularity.mean_rating,
        items.popularity.popularity_score,
        id_map(tmp_path, [3, 1, 2]).rows_by_id,
    ]
    assert [array.flags.owndata for array in arrays] == [False] * len(arrays)
    assert [array.flags.writeable for array in arrays] == [False] * len(arrays)


def test_reading_allocates_nothing_per_item(tmp_path: Path) -> None:
    n_items = 100_000
    write_id_map(tmp_path / "id_map.arrow", pa.array(np.arange(n_items)[::-1]))
    before = pa.total_allocated_bytes()
    ids = read_id_map(tmp_path / "id_map.arrow")
    assert ids.row_of(0) == n_items - 1
    # Two columns of 8 bytes an item would be 1.6 MB.
    assert pa.total_allocated_bytes() - before < 10_000


@pytest.mark.parametrize("content", [b"", b"nonsense", b"ARROW1\x00\x00ARROW1"])
@pytest.mark.parametrize("read", [read_items, read_id_map])
def test_what_is_no_arrow_file_is_corrupt(tmp_path: Path, read: object, content: bytes) -> None:
    path = tmp_path / "table.arrow"
    path.write_bytes(content)
    assert callable(read)
    with pytest.raises(BundleCorrupt, match=r"^table\.arrow: not an Arrow file: "):
        read(path)


def write_arrow(path: Path, table: pa.Table, *, rows: int | None = None) -> Path:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=rows):
            writer.write_batch(batch)
    return path


def test_a_missing_column_is_corrupt_and_named(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "items.arrow", pa.table({"title": ["a"]}))
    with pytest.raises(BundleCorrupt, match=r"^items\.arrow: column 'categories' is missing$"):
        read_items(path)


def test_a_table_in_pieces_is_corrupt(tmp_path: Path) -> None:
    table = pa.table({"item_id": [1, 2], "rows_by_id": [0, 1]})
    path = write_arrow(tmp_path / "id_map.arrow", table, rows=1)
    with pytest.raises(BundleCorrupt, match=r"^id_map\.arrow: expected 1 batch, found 2$"):
        read_id_map(path)


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"item_id": [1.5]}, "item_id"),
        ({"rows_by_id": ["0"]}, "rows_by_id"),
        ({"rows_by_id": pa.array([None], pa.int64())}, "rows_by_id"),
    ],
)
def test_an_id_map_of_other_types_is_corrupt(
    tmp_path: Path, changed: dict[str, object], column: str
) -> None:
    table = pa.table({"item_id": [1], "rows_by_id": [0], **changed})
    path = write_arrow(tmp_path / "id_map.arrow", table)
    with pytest.raises(BundleCorrupt, match=rf"^id_map\.arrow: column '{column}'"):
        read_id_map(path)


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"title": [1]}, "title"),
        ({"categories": ["Drama"]}, "categories"),
        ({"popularity_score": ["high"]}, "popularity_score"),
        ({"rating_count": pa.array([None], pa.int32())}, "rating_count"),
    ],
)
def test_items_of_other_types_are_corrupt(
    tmp_path: Path, changed: dict[str, object], column: str
) -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array([], pa.string()))
    categories = pa.LargeListArray.from_arrays(pa.array([0, 0], pa.int64()), coded)
    columns = {
        "title": pa.array(["a"], pa.large_string()),
        "categories": categories,
        "rating_count": pa.array([1], pa.int32()),
        "mean_rating": [1.0],
        "popularity_score": [1.0],
    }
    path = write_arrow(tmp_path / "items.arrow", pa.table({**columns, **changed}))
    with pytest.raises(BundleCorrupt, match=rf"^items\.arrow: column '{column}'"):
        read_items(path)
