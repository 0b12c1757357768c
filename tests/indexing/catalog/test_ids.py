"""Item ids: which type they get, and which are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.catalog.ids import read_ids, rows_of
from indexing.catalog.sources import IdType
from indexing.catalog.tables import origin_of
from shortlist.errors import CatalogError

Films = Callable[..., Path]
Refused = Callable[..., str]

HIGHEST, LOWEST = 2**63 - 1, -(2**63)
NOWHERE = Path("ids.parquet")


def ids(*values: object, wanted: IdType = IdType.AUTO) -> list[object]:
    """The ids read from these values."""
    return read_ids(pd.Series(values), wanted, origin=origin_of(NOWHERE)).tolist()


def test_canonical_integers_become_integers() -> None:
    assert ids("1", "0", "-5") == [1, 0, -5]


@pytest.mark.parametrize(
    "odd", ["007", "-0", "+7", " 7", "7.0", "1e3", "٣", "7\n", "0x1F", "1_000", "--1", "-"]
)
def test_one_value_that_is_no_canonical_integer_keeps_all_as_text(odd: str) -> None:
    assert ids("1", odd) == ["1", odd]


def test_integers_reach_to_64_bits() -> None:
    assert ids(str(HIGHEST), str(LOWEST)) == [HIGHEST, LOWEST]
    assert (
        read_ids(pd.Series([str(HIGHEST)]), IdType.AUTO, origin=origin_of(NOWHERE)).dtype
        == np.int64
    )


@pytest.mark.parametrize("beyond", [HIGHEST + 1, LOWEST - 1, 10**19, 10**30])
def test_integers_beyond_64_bits_stay_text(beyond: int) -> None:
    assert ids("1", str(beyond)) == ["1", str(beyond)]


@given(st.sets(st.integers(LOWEST, HIGHEST), min_size=1))
def test_every_64_bit_integer_is_read_back(values: set[int]) -> None:
    assert ids(*map(str, values)) == list(values)


def test_string_keeps_integers_as_text() -> None:
    assert ids("1", "2", wanted=IdType.STRING) == ["1", "2"]


def test_parquet_integers_are_integers() -> None:
    assert ids(7, -3) == [7, -3]
    assert ids(7, -3, wanted=IdType.STRING) == ["7", "-3"]


@pytest.mark.parametrize("value", ["007", "abc", str(HIGHEST + 1)])
def test_integer_refuses_what_is_none(films: Films, refused: Refused, value: str) -> None:
    path = films(
        ('id = "movieId"', 'id = "movieId"\nid_type = "integer"'),
        movies=f"movieId,title,genres\n1,a,b\n{value},c,d\n",
    )
    assert refused(path) == (
        f"{path.parent / 'movies.csv'}: id is not an integer of 64 bits:"
        f" {value!r} (line 3); 1 in all"
    )


def test_duplicate_ids_are_refused_naming_the_first_five_with_their_lines(
    films: Films, refused: Refused
) -> None:
    # Lines: 1 header, 2-4 the first record, whose title has two line ends, then one a line.
    path = films(
        movies='movieId,title,genres\n1,"a\nb\nc",x\n2,d,x\n1,e,x\n3,f,x\n2,g,x\n1,h,x\n1,i,x\n'
    )
    assert refused(path) == (
        f"{path.parent / 'movies.csv'}: duplicate id: '1' (line 2), '2' (line 5), '1' (line 6),"
        " '2' (line 8), '1' (line 9); 6 in all"
    )


def test_empty_ids_are_refused_naming_the_first_five_with_their_lines(
    films: Films, refused: Refused
) -> None:
    rows = ["1,a,x", ",b,x", '" ",c,x', ",d,x", ",e,x", ",f,x", ",g,x"]
    path = films(movies="\n".join(["movieId,title,genres", *rows]))
    assert refused(path) == (
        f"{path.parent / 'movies.csv'}: empty id: '' (line 3), ' ' (line 4), '' (line 5),"
        " '' (line 6), '' (line 7); 6 in all"
    )


def test_ids_may_have_256_characters_and_no_more(films: Films, refused: Refused) -> None:
    assert ids("ü" * 256) == ["ü" * 256]
    path = films(movies=f"movieId,title,genres\n1,a,x\n{'9' * 257},b,x\n")
    assert refused(path).startswith(
        f"{path.parent / 'movies.csv'}: id over 256 characters: '{'9' * 60}'…"
        " (257 characters) (line 3); 1 in all"
    )


def test_a_missing_parquet_id_is_an_empty_id(tmp_path: Path) -> None:
    path = tmp_path / "ids.parquet"
    pa.parquet.write_table(pa.table({"id": [1, None]}), path)
    with pytest.raises(CatalogError, match=r"empty id: '' \(row 2\); 1 in all"):
        read_ids(pd.Series([1, None], dtype=object), IdType.AUTO, origin=origin_of(path))


def test_an_id_is_found_whatever_type_its_column_has() -> None:
    known = pd.Series([30, 10, 20])
    assert rows_of(pd.Series(["10", "010", "", "30"]), known).tolist() == [1, -1, -1, 0]
    assert rows_of(pd.Series([20, 40]), known).tolist() == [2, -1]
