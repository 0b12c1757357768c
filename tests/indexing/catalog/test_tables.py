"""CSV and Parquet files: values as they stand, and errors that say where."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from indexing.catalog.tables import origin_of, read_table
from shortlist.errors import CatalogError

Films = Callable[..., Path]
Refused = Callable[..., str]
WriteTable = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> WriteTable:
    """Writes table.csv and returns its path."""

    def write_table(content: str | bytes) -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_table


def values(path: Path, *columns: str) -> list[list[object]]:
    """The values of these columns, column by column."""
    table = read_table(path, columns)
    return [table[column].tolist() for column in columns]


def test_csv_values_come_as_they_stand(write: WriteTable) -> None:
    path = write('id,title,other\n007,"a ""b"", c",x\n1.0, blanks ,y\n,NA,z\n')
    assert values(path, "title", "id") == [
        ['a "b", c', " blanks ", "NA"],
        ["007", "1.0", ""],
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"id,title\r\n1,one\r\n2,two\r\n",
        b"\xef\xbb\xbfid,title\n1,one\n2,two\n",
        b'\xef\xbb\xbf"id","title"\r\n"1","one"\r\n"2","two"',
        b"id,title\n1,one\n\n2,two\n\n",
    ],
    ids=["CRLF", "BOM", "BOM, quotes, CRLF, no last line end", "blank lines"],
)
def test_csv_comes_in_dialects(write: WriteTable, content: bytes) -> None:
    assert values(write(content), "id", "title") == [["1", "2"], ["one", "two"]]


def test_csv_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress("id,title\n1,één\n".encode()))
    assert values(path, "id", "title") == [["1"], ["één"]]


@pytest.mark.parametrize("n_kept", [12, 25, -9])
def test_a_truncated_gz_is_refused(tmp_path: Path, n_kept: int) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"id,title\n1,one\n")[:n_kept])
    with pytest.raises(CatalogError, match=r"table\.csv\.gz: cannot be read"):
        read_table(path, ["id"])


def test_parquet_values_keep_their_type(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    table = {"id": ["007", "β"], "price": [1.5, None], "n": pa.array([2**60 + 1, None])}
    pa.parquet.write_table(pa.table(table), path)
    frame = read_table(path, ["id", "n"])
    assert frame["id"].tolist() == ["007", "β"]
    # As floats these would be 1152921504606846976.0 and NaN.
    assert frame["n"].tolist() == [1152921504606846977, None]


def test_a_missing_file_is_named(films: Films, refused: Refused) -> None:
    path = films(('file = "tags.csv"', 'file = "tagz.csv"'))
    assert refused(path) == f"{path.parent / 'tagz.csv'}: no such file"


def test_a_missing_file_of_another_kind_is_named_as_well(tmp_path: Path) -> None:
    for name in ("topics.csv", "topics.jsonl", "topics.parquet"):
        with pytest.raises(CatalogError, match=rf"/{name}: no such file"):
            read_table(tmp_path / name, ["query"])


def test_a_missing_column_is_named_with_those_found(films: Films, refused: Refused) -> None:
    path = films(('title = "title"', 'title = "name"'))
    assert refused(path) == (
        f"{path.parent / 'movies.csv'}: column 'name' is missing;"
        " columns found: 'movieId', 'title', 'genres'"
    )


def test_a_missing_parquet_column_is_named_with_those_found(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pa.parquet.write_table(pa.table({"a": [1], "b": [2]}), path)
    with pytest.raises(CatalogError) as caught:
        read_table(path, ["a", "c"])
    assert str(caught.value) == f"{path}: column 'c' is missing; columns found: 'a', 'b'"


def test_a_column_that_stands_twice_is_refused(films: Films, refused: Refused) -> None:
    path = films(movies="movieId,title,title,genres\n1,a,b,c\n")
    assert "column 'title' stands twice; columns found: 'movieId', 'title', 'title'" in refused(
        path
    )


@pytest.mark.parametrize("name", ["movies", "tags", "ratings"])
def test_an_empty_file_has_no_columns(films: Films, refused: Refused, name: str) -> None:
    path = films(**{name: ""})
    assert f"{name}.csv: column 'movieId' is missing; columns found: " in refused(path)


@pytest.mark.parametrize(
    ("movies", "place"),
    [
        # "movieId,title,genres\n1,Am" is 21 + 2 + 2 = 25 bytes, so the é is byte 25.
        (b"movieId,title,genres\n1,Am\xe9lie,Comedy\n", "byte 25 (0xe9)"),
        (b"movieId,titl\xe9,genres\n1,Amelie,Comedy\n", "byte 12 (0xe9)"),
        # As long as many blocks of the decoder: 21 + 10,000 lines of 6 bytes + 4.
        (
            b"movieId,title,genres\n" + b"1,a,b\n" * 10_000 + b"2,Am\xe9lie,Comedy\n",
            "byte 60025 (0xe9)",
        ),
    ],
    ids=["value", "header", "late"],
)
def test_bytes_that_are_not_utf8_are_refused_with_their_offset(
    films: Films, refused: Refused, movies: bytes, place: str
) -> None:
    path = films(movies=movies)
    assert refused(path) == (
        f"{path.parent / 'movies.csv'}: not UTF-8 at {place}; it looks like cp1252:"
        ' say encoding = "cp1252" in catalog.toml if it is'
    )


@pytest.mark.parametrize(
    ("movies", "said"),
    [
        ("movieId,title,genres\n1,a,b\n2,c\n3,d,e\n", "line 3: expected 3 fields, found 2"),
        (
            'movieId,title,genres\n1,"a\nb\nc",d\n2,e,f,g\n',
            "line 5: expected 3 fields, found 4",
        ),
    ],
)
def test_a_ragged_record_is_refused_with_its_line(
    films: Films, refused: Refused, movies: str, said: str
) -> None:
    path = films(movies=movies)
    assert refused(path) == f"{path.parent / 'movies.csv'}: {said}"


def test_a_file_that_only_calls_itself_parquet_is_refused(films: Films, refused: Refused) -> None:
    path = films(('file = "movies.csv"', 'file = "movies.parquet"'))
    (path.parent / "movies.parquet").write_bytes(b"PAR1 this is none PAR1")
    assert f"{path.parent / 'movies.parquet'}: cannot be read as Parquet: " in refused(path)


def test_records_are_located_past_quoted_line_ends_and_blank_lines(write: WriteTable) -> None:
    # 1 header, 2-4 record 0, 5 blank, 6 record 1, 7-8 record 2
    path = write('id,title\n1,"a\nb\nc"\n\n2,d\n3,"e\r\nf"\n')
    assert values(path, "id") == [["1", "2", "3"]]
    assert origin_of(path).locate([0, 1, 2]) == ["line 2", "line 6", "line 7"]


def test_records_are_located_by_number_in_parquet() -> None:
    assert origin_of(Path("table.parquet")).locate([0, 4]) == ["row 1", "row 5"]


def test_a_record_is_located_whatever_else_the_file_holds(write: WriteTable) -> None:
    # A field longer than the csv module's own limit, and a byte that is not UTF-8 in a column
    # that is not read.
    path = write(b"id,title\n1," + b"x" * 200_000 + b"\n2,caf\xe9\n3,c\n")
    assert origin_of(path).locate([2]) == ["line 4"]


def test_a_parquet_column_of_structs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    table = pa.table({"id": [1], "kinds": [[{"a": 1}]], "price": [{"amount": 1.5}]})
    pa.parquet.write_table(table, path)
    with pytest.raises(CatalogError, match=r"column 'kinds' has type list<.*expected text, numb"):
        read_table(path, ["id", "kinds"])
    with pytest.raises(CatalogError, match=r"'price' has type struct<amount: double>, .*\(a\.b\)"):
        read_table(path, ["id", "price"])
