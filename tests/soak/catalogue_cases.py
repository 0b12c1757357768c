"""Catalogues that somebody got wrong, or meant ill with: one for every number, always the same."""

from __future__ import annotations

import gzip
import io
import json
import math
import random
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from tests.catalogues import CATALOG, FILMS, RATINGS, TAGS

Table = list[list[str]]

EXTREMES = (
    *("", " ", "\0", "nan", "inf", "-inf", "1e308", "-1e308", "5e-324", "1e999", "-0.0"),
    *("1_0", "٣"),
    *(str(2**53 + 1), str(2**63 - 1), str(-(2**63)), str(2**63), "9" * 400, "0x10", "007", "1.5"),
    *("x" * 300_000, "|" * 5000, "a|" * 900, "()" * 5000, "(1999)" * 3000, " " * 50_000 + "x"),
    *("the " * 20_000, "a: b c " * 9000 + "\n", "a" + "\u0301\u0316" * 200, "\ufdfa" * 2000),
    *('"', '""', "a\nb", "\r", "\r\n", ",", ";", "'", "{title}", "\ufeff", "\U0010ffff", "\u202e"),
    *("\x1b[31m", "é", "日本語", "(2005)", "(99999999999999999999)", "2020-01-01", "True", "None"),
)
LITERALS = (
    *("0", "-1", "1", "1e308", "5e-324", "inf", "nan", "true", "[]", "{}", "''"),
    *("1979-05-27", "0.5"),
    *("9" * 40, "9" * 5000, "0x" + "f" * 9000, "[" * 40 + "]" * 40, "[" * 3000, "[[1], [2]]"),
    *("'" + "x" * 100_000 + "'", '"\\u0000"', '"\\u001b[31m"', "{a = {b = {c = 1}}}", "[0, 1e308]"),
    *("[0.5, 5.0, 6.0]", "[5e-324, 1e-323]", "[0, 5]", "['genres', 'title']"),
    *("'title'", "'genres'"),
    *("'movieId'", "'rating'", "'userId'", "'timestamp'", "'nothing'", "' '", "','", "'{title'"),
    *("'{title!r}'", "'{title:>9999999999}'", "'{}'", "'{0}'", "'}'", "'{title.x}'", "'{tags}'"),
    *("'((a+)+)$'", "'(.*)*'", "'(a{1000})'", "'(?=a)(b)'", "'(?i)([a-z]+)'", "'(é)'", "'()'"),
    *("'a)(b|(c)'", r"'\\Q('", "'(?:x?y?x?){900}(a)'", "'(\\C)'", "'[[:word:]](.)'", "'auto'"),
    *("'none'", "'ease'", "'cosine'", "'integer'", "'number'", "'string'", "'flat'", "'IVF4,Flat'"),
    *("'HNSW99999'", "'PCA64,Flat'", "'((('", "'Flat(((((('", "'IDMap,Flat'"),
    *("'PQ0'", "'IVF0,Flat'"),
    *("'/proc/self/environ'", "'/dev/null'", "'.'", "'..'", "'movies.csv'"),
    *("'tags.csv'", "'/dev/zero'"),
)
TABLES = ("items", "items.categories", "items.attributes", "tags", "ratings", "document", "limits")
SETTINGS = (
    *("delimiter = ';'", "delimiter = '\\t'", 'delimiter = "\\t"', "quote = ''", 'quote = "\'"'),
    *("encoding = 'utf-16'", "encoding = 'cp1252'", "encoding = 'ascii'", "encoding = 'cp037'"),
    *("encoding = 'idna'", "encoding = 'utf-7'", "encoding = 'zlib'", "encoding = 'shift_jis'"),
    *("decimal = ','", "thousands = ','", "thousands = ' '", "currency = '('", "currency = '1'"),
    *("null_values = ['1', '']", "null_values = ['Comedy', '5.0']", "query = 'select 1'"),
    *("url = 'sqlite:///movies.csv'", "file = ['movies.csv', 'tags.csv']", "file = '*.csv*'"),
    *("file = 'movies.*'", "file = '[a'", "file = '**'", "file = ['movies.csv', 'movies.csv']"),
    "query = 'select 1 as movieId, 2 as title'\nurl = 'sqlite:///movies.csv'",
    "query = 'select 1'\nurl = 'postgresql://a:b@/x?host=.'",
    "query = 'select 1'\nurl = '${NOT_SET}'",
)
"""Of [items], [tags] or [ratings]."""

MORE_LINES = (
    'default_profile = "x"',
    "[recency]\nattribute = 'year'",
    "[recency]\nattribute = 'year'\nhalf_life = 1e-9",
    "[neighbours]\nregularisation = 0.001",
    "[neighbours]\nregularisation = 1e9\nliked_from = -1e308",
    "[neighbours]\nliked_from = 1e308",
    "[popularity]\nprior_quantile = 0",
    "[index]\ntype = 'auto'",
    "[limits]\nline_bytes = 1000",
    "[limits]\nfield_bytes = 1",
    "[limits]\nvalues_per_item = 1",
    "[limits]\npattern_seconds = 0.000001",
    "[limits]\nitems = 1",
    "[profiles.x]\nweights = { similarity = 1e308 }",
    "[gate]\ngolden = [{ query = 'a', item = 99999999999999999999 }]",
    "[[gate.golden]]\nquery = ''\nitem = 'x'",
)


@dataclass
class Case:
    """A catalogue that is still to be written: its description and its tables."""

    text: str = CATALOG
    tables: dict[str, Table] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)


def write_case(number: int, folder: Path) -> Path:
    """Write the case of this number into an empty folder; the path of its catalog.toml."""
    rng = random.Random(f"catalogue {number}")
    case = Case(tables={name: _parsed(text) for name, text in _SOUND.items()})
    for _ in range(rng.choice((0, 0, 1, 1, 1, 1, 2, 4))):
        rng.choice(_CHANGES)(case, rng)
    for name, table in case.tables.items():
        _encode(case, name, table, rng)
    for name in list(case.contents):
        if rng.random() < 0.05:
            case.contents[name] = _damaged(case.contents[name], rng)
    text = case.text.encode()
    (folder / "catalog.toml").write_bytes(_damaged(text, rng) if rng.random() < 0.05 else text)
    for name, content in case.contents.items():
        (folder / name).write_bytes(content)
    return folder / "catalog.toml"


_SOUND = {"movies": FILMS, "tags": TAGS, "ratings": RATINGS}


def _parsed(text: str) -> Table:
    lines = text.replace('"Kitchen, The (2005)"', "Kitchen; The (2005)").splitlines()
    return [line.split(",") for line in lines]


def _one_value(case: Case, rng: random.Random) -> None:
    table = case.tables[rng.choice(list(case.tables))]
    row = rng.choice(table) if rng.random() < 0.1 else rng.choice(table[1:] or table)
    if row:
        row[rng.randrange(len(row))] = rng.choice(EXTREMES)


def _one_column(case: Case, rng: random.Random) -> None:
    table, value = case.tables[rng.choice(list(case.tables))], rng.choice(EXTREMES)
    column = rng.randrange(3)
    for row in table[1:]:
        if column < len(row) and len(value) * len(table) < 10**6:
            row[column] = value


def _rows(case: Case, rng: random.Random) -> None:
    name = rng.choice(list(case.tables))
    table = case.tables[name]
    change = rng.randrange(5)
    if change == 0:
        del table[1:]
    elif change == 1:
        table += [list(row) for row in table[1:]] * rng.choice((1, 300))
    elif change == 2:
        rng.choice(table).append("more")
    elif change == 3:
        rng.choice(table).clear()
    else:
        table[0] = [rng.choice((*table[0], "", "x" * 5000)) for _ in range(rng.choice((1, 3, 500)))]


def _literal(case: Case, rng: random.Random) -> None:
    lines = case.text.splitlines()
    places = [place for place, line in enumerate(lines) if " = " in line]
    place = rng.choice(places) if places else 0
    key = lines[place].partition(" = ")[0] if places else "name"
    lines[place] = f"{key} = {rng.choice(LITERALS)}"
    case.text = "\n".join(lines) + "\n"


def _inner_literal(case: Case, rng: random.Random) -> None:
    parts = case.text.split('"')
    quoted = range(1, len(parts), 2)
    parts[rng.choice(quoted) if quoted else 0] = rng.choice(EXTREMES)
    case.text = '"'.join(parts)


def _line(case: Case, rng: random.Random) -> None:
    lines = case.text.splitlines() or [""]
    place = rng.randrange(len(lines))
    change = rng.randrange(5)
    if change == 0:
        del lines[place]
    elif change == 1:
        lines.insert(place, lines[place])
    elif change == 2:
        lines.append(rng.choice(MORE_LINES))
    elif change == 3:
        lines.append(f"[{rng.choice(TABLES)}]\nx{rng.randrange(9)} = {rng.choice(LITERALS)}")
    else:
        lines[place] = lines[place].replace("=", rng.choice(("==", ".a.b =", ":", "= =")), 1)
    case.text = "\n".join(lines) + "\n"


def _setting(case: Case, rng: random.Random) -> None:
    table = rng.choice(("[items]", "[tags]", "[ratings]"))
    key, _, value = rng.choice(SETTINGS).partition(" = ")
    head, found, rest = case.text.partition(f"{table}\n")
    lines = [line for line in rest.split("\n") if not line.startswith(f"{key} = ")]
    if rng.random() < 0.5 and key == "query":
        lines = [line for line in lines if not line.startswith("file = ")]
    case.text = f"{head}{found}{key} = {value}\n" + "\n".join(lines)


def _attribute(case: Case, rng: random.Random) -> None:
    column = rng.choice(("movieId", "title", "genres"))
    kind, pattern = rng.choice(("integer", "number", "string")), rng.choice(LITERALS)
    with_pattern = f", pattern = {pattern}" if rng.random() < 0.5 else ""
    line = f"more = {{ column = '{column}', type = '{kind}'{with_pattern} }}"
    case.text = case.text.replace("[items.attributes]", f"[items.attributes]\n{line}", 1)


_CHANGES = (
    _one_value,
    _one_value,
    _one_column,
    _rows,
    _literal,
    _inner_literal,
    _line,
    _setting,
    _attribute,
)


def _encode(case: Case, name: str, table: Table, rng: random.Random) -> None:
    """The table as CSV, JSON lines or Parquet, by a name that the description knows."""
    form = rng.choice(("csv", "csv", "csv", "gz", "parquet", "jsonl", "zst"))
    if form == "parquet":
        content, suffix = _as_parquet(table, rng), "parquet"
    elif form in {"jsonl", "zst"}:
        content, suffix = _as_json_lines(table, rng), "jsonl"
        if form == "zst":
            content, suffix = pa.compress(content, "zstd", asbytes=True), "jsonl.zst"
    else:
        content, suffix = _as_csv(table, rng), "csv"
        if form == "gz":
            bomb = rng.random() < 0.1
            content = gzip.compress(content + b"1,a,b\n" * (10**7 * bomb), 1)
            suffix = "csv.gz"
            case.text += "[limits]\nfile_bytes = 1000000\n" if bomb else ""
    case.contents[f"{name}.{suffix}"] = content
    case.text = case.text.replace(f'"{name}.csv"', f'"{name}.{suffix}"')


def _as_csv(table: Table, rng: random.Random) -> bytes:
    quoted = rng.random() < 0.7
    rows = [
        ['"' + value.replace('"', '""') + '"' if quoted and value else value for value in row]
        for row in table
    ]
    text = rng.choice(("\n",) * 8 + ("\r\n", "\r")).join(",".join(row) for row in rows) + "\n"
    encoding = rng.choice(("utf-8",) * 20 + ("utf-16", "utf-8-sig", "latin-1"))
    return text.encode(encoding, errors="replace")


def _as_json_lines(table: Table, rng: random.Random) -> bytes:
    lines = []
    for row in table[1:]:
        record: dict[str, object] = dict(zip(table[0], row, strict=False))
        if record and rng.random() < 0.05:
            record[rng.choice(list(record))] = rng.choice(_JSON_VALUES)
        lines.append(json.dumps(record, ensure_ascii=rng.random() < 0.5))
    if lines and rng.random() < 0.1:
        lines[rng.randrange(len(lines))] = rng.choice(_JSON_LINES)
    return "\n".join(lines).encode(errors="surrogatepass")


_JSON_VALUES = (
    None,
    True,
    7,
    1.5,
    10**400,
    [],
    ["a", None, 7],
    [["a"]],
    {},
    {"a": {"b": 1}},
    "\ud800",
)
_JSON_LINES = (
    *("", "{", "[1]", "7", "null", '{"movieId": NaN}', "[" * 100_000, '{"a":' * 50_000, "\0"),
    *('{"title": {' + '"a": {' * 900 + "}" * 902, '{"movieId": 1, "movieId": 2}', "\ufeff{}"),
)


def _as_parquet(table: Table, rng: random.Random) -> bytes:
    names = list(dict.fromkeys(table[0])) if table else []
    columns = {
        name: _typed([row[place] if place < len(row) else None for row in table[1:]], rng)
        for place, name in enumerate(names)
    }
    compression = rng.choice(("snappy", "zstd", "none"))
    delta = {name: "DELTA_BYTE_ARRAY" for name in columns if columns[name].type == pa.string()}
    encoding = {"use_dictionary": False, "column_encoding": delta} if rng.random() < 0.2 else {}
    sink = io.BytesIO()
    pa.parquet.write_table(
        pa.table(columns), sink, compression=compression, version="2.6", **encoding
    )
    return sink.getvalue()


def _typed(values: list[str | None], rng: random.Random) -> pa.Array:
    """The values as text, or a column of another type in their place."""
    if rng.random() < 0.7:
        return pa.array(values, pa.string())
    kind, n = rng.choice(_TYPES), len(values)
    if kind in _TEXTS:
        return pa.array(values, pa.string()).cast(kind)
    if kind in _LISTS:
        lists = [rng.choice((None, [], [value], [value, None, value])) for value in values]
        return pa.array(lists, pa.list_(pa.string())).cast(kind)
    if kind == _STRUCT:
        return pa.array([{"a": value, "b": 1} for value in values], kind)
    if kind in _BYTES:
        return pa.array([rng.choice((b"abc", b"\xff\xfe\xfd", b"\0\0\0"))] * n, kind)
    found = [_number(value, rng) for value in values]
    if pa.types.is_floating(kind):
        extreme = (math.inf, math.nan, 1e308, -1e308, 5e-324, 2.0**53)
        found = [rng.choice((None if one is None else float(one), 1.5, *extreme)) for one in found]
    return pa.array(found).cast(_STORED.get(kind, kind), safe=False).view(kind)


_TEXTS = (pa.large_string(), pa.dictionary(pa.int32(), pa.string()))
_LISTS = (pa.list_(pa.string()), pa.large_list(pa.dictionary(pa.int32(), pa.string())))
_STRUCT = pa.struct([("a", pa.string()), ("b", pa.int64())])
_BYTES = (pa.binary(), pa.large_binary(), pa.binary(3))
_NUMBERS = (pa.int8(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64())
_STORED = {
    **dict.fromkeys((pa.time32("s"), pa.date32()), pa.int32()),
    **dict.fromkeys((pa.time64("us"), pa.time64("ns"), pa.timestamp("ms")), pa.int64()),
    **dict.fromkeys((pa.timestamp("ns"), pa.timestamp("us", tz="UTC")), pa.int64()),
    **dict.fromkeys((pa.timestamp("us", tz="No/Where"), pa.duration("ns")), pa.int64()),
}
"""Types of time, and how many of what their values are."""

_TYPES = (*_TEXTS, *_LISTS, _STRUCT, *_BYTES, *_NUMBERS, pa.bool_(), *_STORED)


def _number(value: str | None, rng: random.Random) -> int | None:
    if rng.random() < 0.2:
        return rng.choice((None, 0, 2**53 + 1, 2**63 - 1, -(2**63), 10**12, -1))
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 18 else 1


def _damaged(content: bytes, rng: random.Random) -> bytes:
    """A few bytes flipped, put in, taken out, or everything from one place on."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 20))):
        place = rng.randrange(len(changed) + 1)
        change = rng.randrange(5)
        if change == 0:
            del changed[place:]
        elif change == 1:
            changed[place:place] = rng.randbytes(rng.choice((1, 4, 200)))
        elif change == 2:
            del changed[place : place + rng.choice((1, 4, 200))]
        elif place < len(changed):
            changed[place] = rng.choice((0, 0xFF, changed[place] ^ 1 << rng.randrange(8)))
    return bytes(changed)
