"""What a file, a line, a field or an item may hold, and what a message shows of it."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from indexing.catalog.attributes import read_attribute
from indexing.catalog.limits import Limits
from indexing.catalog.sources import AttributeConfig
from indexing.catalog.tables import origin_of, read_table
from shortlist.errors import CatalogError

Films = Callable[..., Path]
Refused = Callable[..., str]


def refusal(path: Path, *columns: str, **limits: int) -> str:
    with pytest.raises(CatalogError) as caught:
        read_table(path, columns, limits=Limits(**limits), most="items")
    return str(caught.value).removeprefix(f"{path}: ")


def test_a_field_of_more_than_a_block_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(f"id,text\n1,{'x' * 3_000_000}\n2,{'y' * 5_000_000}\n")
    table = read_table(path, ["text"], limits=Limits(field_bytes=5_000_000))
    assert table["text"].str.len().tolist() == [3_000_000, 5_000_000]


def test_a_field_above_the_limit_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(f'id,text\n1,"a\nb"\n2,{"x" * 1_000_001}\n')
    assert refusal(path, "text") == (
        "line 4: column 'text': expected at most 1000000 bytes in a field, found 1000001; raise"
        " limits.field_bytes in catalog.toml if it should hold them"
    )


@pytest.mark.parametrize("opening", ["", '"'], ids=["plain", "quoted"])
def test_a_line_above_the_limit_is_refused_with_its_number(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "long.csv"
    path.write_text(f"id,text\n1,a\n2,{opening}{'x' * 5000}")
    said = refusal(path, "text", line_bytes=1000)
    assert said.startswith("line 3: ")
    assert "is a quotation mark left open?" in said


def test_a_compressed_file_unfolds_to_no_more_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"id,text\n" + b"1,a\n" * 10_000_000))
    assert refusal(path, "id", file_bytes=20_000_000) == (
        "unfolds to more than 20000000 bytes; raise limits.file_bytes in catalog.toml if it should"
    )


def test_more_records_than_the_limit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    pa.parquet.write_table(pa.table({"id": pa.array([7] * 3_000_000)}), path)
    assert path.stat().st_size < 20_000
    assert refusal(path, "id", items=1_000_000) == (
        "more than 1000000 records; raise limits.items in catalog.toml if there should be"
    )


def test_a_parquet_text_said_often_is_not_unfolded_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["x" * 100_000])
    pa.parquet.write_table(pa.table({"text": words}), path)
    assert path.stat().st_size < 200_000  # 10 GB when unfolded
    before = pa.total_allocated_bytes()
    assert refusal(path, "text", file_bytes=20_000_000).startswith("unfolds to more than ")
    assert pa.total_allocated_bytes() - before < 20_000_000


def test_an_item_has_no_more_values_than_the_limit(films: Films, refused: Refused) -> None:
    movies = f"movieId,title,genres\n1,a,x\n2,b,{'x|' * 199_999 + 'x'}\n"
    path = films(movies=movies)
    assert refused(path) == (
        f"{path.parent / 'movies.csv'}: line 3: column 'genres': expected at most 1000 values of an"
        " item, found 200000; raise limits.values_per_item in catalog.toml if it should have them"
    )


def test_heaps_of_combining_marks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "marks.csv"
    heap = "\u0301\u0316" * 50
    path.write_text(f"id,text\n1,é\n2,a{heap}\n", encoding="utf-8")
    assert refusal(path, "text") == (
        "line 3: column 'text': 100 combining marks in a row; is it text?"
    )


def test_limits_are_set_in_the_catalogue(films: Films, refused: Refused) -> None:
    path = films(("[items]", "[limits]\nitems = 4\n[items]"))
    assert "movies.csv: more than 4 records; raise limits.items" in refused(path)


def attribute(pattern: str, *texts: str, **limits: float) -> list[object]:
    config = AttributeConfig(column="c", pattern=pattern)
    columns = {"c": pd.Series(texts, dtype="str")}
    found = read_attribute(
        columns, "name", config, origin=origin_of(Path("items.parquet")), limits=Limits(**limits)
    )
    return [one or "" for one in found.to_pylist()]


def test_a_pattern_gives_what_its_group_holds_in_the_first_match() -> None:
    assert attribute(r"(?i)b(\d)?", "a b1 b2", "B", "none", "b\n3", "x\nb4\n") == [
        "1", "", "", "", "4"
    ]  # fmt: skip
    assert attribute("a|(b)", "ab", "ba") == ["", "b"]
    assert attribute("(é+)$", "caféé", "") == ["éé", ""]


def test_a_pattern_is_searched_in_time_linear_in_the_text() -> None:
    texts = ["x" * 10_000] * 50
    assert attribute(r"((?:x+x+)+)y", *texts) == [""] * 50  # 2^10000 steps by going back


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(?=a)(b)", "not a regular expression of RE2: invalid perl operator: (?="),
        (r"(a)\1", r"not a regular expression of RE2: invalid escape sequence: \1"),
        ("((a{1000}){1000})", "not a regular expression of RE2: invalid repetition size"),
        ("a)(b|(c)", "not a regular expression of RE2: unexpected )"),
        ("(" + "a" * 199 + ")", "expected at most 200 characters, found 201"),
    ],
)
def test_a_pattern_that_could_go_back_or_is_large_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match="pattern") as caught:
        AttributeConfig(column="c", pattern=pattern)
    assert said in str(caught.value)


def test_a_text_too_long_for_a_pattern_is_refused_with_its_row() -> None:
    with pytest.raises(CatalogError) as caught:
        attribute("(a)", "a", "b" * 10_001)
    assert str(caught.value) == (
        "items.parquet: row 2: attribute 'name': its pattern searches at most 10000 characters,"
        " found 10001; raise limits.pattern_characters in catalog.toml"
    )


def test_a_pattern_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(CatalogError, match=r"more than 0\.01 s \(\d+ of 1000 records searched\)"):
        attribute("((?:x?y?x?){900})$", *["x" * 1000] * 1000, pattern_seconds=0.01)


@pytest.mark.parametrize(
    "title",
    [
        '"a" + " " * 400_000 + "x"',
        '"the " * 250_000',
        '"()" * 500_000',
        '"a: b c " * 100_000 + "\\n"',
        '"x" + "(1999 " * 100_000',
    ],
)
def test_titles_are_read_in_time_linear_in_their_length(title: str) -> None:
    expression = title.replace("{blank * 100_000}", " ").replace(
        '" x"', '"a" + " " * 400_000 + "x"'
    )
    code = f"from indexing.titles import title_variants; print(len(title_variants({expression})))"
    run = [sys.executable, "-c", code]
    found = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    assert int(found.stdout) <= 3


def test_a_file_that_is_no_table_is_not_quoted(films: Films, refused: Refused) -> None:
    path = films(('file = "movies.csv"', 'file = "secret"'))
    for content in (
        b"KEY=hunter2\0PATH=/bin,/usr\0",
        b"root:hunter2:0\nx:y:1\n",
        b"hunter2,a\nb\n",
    ):
        (path.parent / "secret").write_bytes(content)
        said = refused(path)
        assert "column 'movieId' is missing; found " in said
        assert "does not look like a table's" in said
        assert "hunter2" not in said


def test_a_message_is_short_and_printable(films: Films, refused: Refused) -> None:
    value = "9\x1b[31m" + "x" * 100_000
    said = refused(films(ratings=f"userId,movieId,rating,timestamp\n1,1,{value},1\n"))
    assert "rating '9\\x1b[31mxxx" in said
    assert "(100006 characters)" in said
    assert len(said) < 400
    assert str(CatalogError("a\x1b" * 3000)).count("\\x1b") > 100
    assert len(str(CatalogError("a\x1b" * 3000))) <= 2000


def test_many_columns_are_not_all_listed(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{n}" for n in range(100_000)) + "\n")
    said = refusal(path, "id")
    assert said.startswith("column 'id' is missing; columns found: 'c0', 'c1', ")
    assert said.endswith("'c19' and 99980 more")


def test_parquet_values_of_every_plain_type_come_as_text_or_number(tmp_path: Path) -> None:
    path = tmp_path / "types.parquet"
    columns = {
        "time": pa.array([1], pa.time64("ns")),
        "date": pa.array([0], pa.date32()),
        "bytes": pa.array([b"caf\xc3\xa9"], pa.binary()),
        "fixed": pa.array([b"ab"], pa.binary(2)),
    }
    pa.parquet.write_table(pa.table(columns), path)
    assert read_table(path, list(columns)).iloc[0].tolist() == [
        "00:00:00.000000001", "1970-01-01", "café", "ab"
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [pa.binary(), pa.binary(2)])
def test_parquet_bytes_that_are_not_utf8_are_refused(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "bytes.parquet"
    pa.parquet.write_table(pa.table({"id": pa.array([b"\xff\xfe"], kind)}), path)
    assert "cannot be read as Parquet: Invalid UTF8" in refusal(path, "id")


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
def test_parquet_text_is_read_however_it_is_stored(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "texts.parquet"
    texts = [f"the same beginning {n}" for n in range(10_000)] + [None]
    table = pa.table({"text": pa.array(texts), "n": range(10_001)})
    pa.parquet.write_table(table, path, use_dictionary=False, column_encoding={"text": encoding})
    assert read_table(path, ["text"])["text"].fillna("").tolist() == [*texts[:-1], ""]


def test_a_parquet_text_stored_as_differences_is_not_unfolded_beyond_the_limit(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bomb.parquet"
    options = {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}
    pa.parquet.write_table(pa.table({"text": ["x" * 100_000] * 3000}), path, **options)
    assert path.stat().st_size < 1_000_000  # 300 MB when unfolded
    assert refusal(path, "text", file_bytes=20_000_000).startswith("unfolds to more than ")


def test_a_name_that_no_file_can_have_is_refused(films: Films, refused: Refused) -> None:
    said = refused(films(('file = "movies.csv"', f'file = "{"x" * 5000}"')))
    assert "cannot be read: File name too long" in said
    assert len(said) <= 2000
