"""Ways to spoil a file of a bundle, drawn by a generator: the same seed, the same damage."""

from __future__ import annotations

import functools
import io
import json
import re
from typing import Any

import faiss
import numpy as np
import pyarrow as pa

Rng = np.random.Generator

INTEGERS = (0, 1, -1, 2, 7, 127, 255, 2**15, 2**31 - 1, -(2**31), 2**32 - 1, 2**40, 2**62)
INTEGERS += (2**63 - 1, -(2**63))
FLOATS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1.5,
    1e-40,
    1e38,
    -1e38,
    1e300,
    1.7e308,
    -1.7e308,
    np.inf,
    -np.inf,
    np.nan,
)
TEXTS = ("", " ", "x", "\0", "?!", "é" * 40, "𝒳" * 300, "a " * 5000, "\u202e", "1", "-0", "007")
JSON = (None, True, False, "", "x", "../x", [], {}, -1, 0, 1, 2**31, 2**63, 2**70, 1e308, -1.5)

INDEX_KINDS: dict[str, dict[str, Any]] = {
    "Flat": {"exact": True, "params": {}},
    "HNSW8": {"exact": False, "params": {"ef_search": 32}},
    "HNSW8,SQ8": {"exact": False, "params": {"ef_search": 32, "overfetch": 2}},
    "IVF4,Flat": {"exact": False, "params": {"n_probe": 4}},
    "IVF4,PQ4x4": {"exact": False, "params": {"n_probe": 4, "overfetch": 8}},
    "SQ8": {"exact": False, "params": {"overfetch": 2}},
    "PQ16x4fs": {"exact": False, "params": {"rescored": 20}},
    "PCA16,Flat": {"exact": False, "params": {"overfetch": 8}},
    "IDMap,SQ8": {"exact": False, "params": {"overfetch": 2}},
    "IVF4_HNSW8,SQ8": {"exact": False, "params": {"n_probe": 4, "overfetch": 2}},
}


def spoil(name: str, content: bytes, rng: Rng) -> bytes:
    """The file with some damage: to its values, its description, or to any of its bytes."""
    ways: list[Any] = [flipped, overwritten, resized]
    if name.endswith(".npy"):
        ways += [other_values, other_values, other_values, other_header]
    elif name.endswith(".arrow"):
        ways += [overwritten, other_columns, other_columns, other_columns]
    way = ways[rng.integers(len(ways))]
    spoiled: bytes = way(content, rng)
    return spoiled


def flipped(content: bytes, rng: Rng) -> bytes:
    """Up to eight bits are another."""
    spoiled = bytearray(content)
    for place in rng.integers(len(spoiled), size=rng.integers(1, 9)):
        spoiled[place] ^= 1 << int(rng.integers(8))
    return bytes(spoiled)


def overwritten(content: bytes, rng: Rng) -> bytes:
    """Up to three numbers at places where numbers stand are extreme ones."""
    spoiled = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        dtype = np.dtype(rng.choice(["<i4", "<i8", "<f4", "<f8", "<u2"]))
        place = int(rng.integers(max(1, len(spoiled) - 8)) // 4 * 4)
        spoiled[place : place + dtype.itemsize] = extreme(dtype, rng).tobytes()
    return bytes(spoiled)


def resized(content: bytes, rng: Rng) -> bytes:
    """Bytes at the end are gone, or there are more."""
    n_bytes = int(rng.integers(1, 200))
    return content[:-n_bytes] if rng.random() < 0.5 else content + rng.bytes(n_bytes)


def extreme(dtype: np.dtype[Any], rng: Rng) -> np.ndarray[Any, Any]:
    """A number of this type that is seldom a good one."""
    values = np.array(FLOATS if dtype.kind == "f" else INTEGERS, dtype=object)
    value = values[rng.integers(len(values))]
    with np.errstate(all="ignore"):
        if dtype.kind == "f":
            return np.array(value, np.float64).astype(dtype)
        return np.array(int(value) & 0xFFFFFFFFFFFFFFFF, np.uint64).astype(dtype)


def other_values(content: bytes, rng: Rng) -> bytes:
    """An array of the same type whose values are changed, moved, repeated or gone."""
    values = np.load(io.BytesIO(content)).copy()
    return as_npy(changed(values, rng))


def changed(values: np.ndarray[Any, Any], rng: Rng) -> np.ndarray[Any, Any]:
    """The array after one of several changes."""
    flat = values.reshape(-1)
    match int(rng.integers(8)):
        case 0 | 1 | 2 if len(flat):
            for place in rng.integers(len(flat), size=rng.integers(1, 5)):
                flat[place] = extreme(flat.dtype, rng)
        case 3 if len(flat):
            flat[:] = flat[rng.permutation(len(flat))]
        case 4 if len(flat):
            flat[:] = extreme(flat.dtype, rng)
        case 5:
            return values[: rng.integers(len(values) + 1)]
        case 6:
            return np.concatenate([values, values[-1:]])
        case _ if len(flat):
            place = rng.integers(len(flat))
            with np.errstate(all="ignore"):
                flat[place] += flat.dtype.type(rng.choice([1, -1 if flat.dtype.kind != "u" else 1]))
    return values


def as_npy(values: np.ndarray[Any, Any]) -> bytes:
    """The array as a file."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


HEADERS = (
    (rb"'descr': '[^']*'", (b"'<f8'", b"'<i4'", b"'>i4'", b"'|O'", b"'<U9'", b"'|V8'", b"'<m8'")),
    (rb"'shape': \([^)]*\)", (b"()", b"(0,)", b"(1,)", b"(2, 2)", b"(99999999999999,)", b"(-1,)")),
    (rb"'fortran_order': \w+", (b"True", b"None", b"1")),
)


def other_header(content: bytes, rng: Rng) -> bytes:
    """An array file that says something else of its values; its length stays."""
    pattern, choices = HEADERS[rng.integers(len(HEADERS))]
    end = content.index(b"\n")
    head = content[:end].rstrip(b" ")
    key = pattern.split(b":")[0]
    new = key + b": " + choices[rng.integers(len(choices))]
    head = re.sub(pattern, new.replace(b"\\", b"\\\\"), head)
    return head.ljust(end, b" ")[:end] + content[end:]


def other_columns(content: bytes, rng: Rng) -> bytes:
    """An Arrow file with another value, column, type, number of batches or form."""
    with pa.ipc.open_file(content) as reader:
        table = reader.read_all()
    place = int(rng.integers(table.num_columns))
    name, column = table.column_names[place], table.column(place).combine_chunks()
    table, options = table.combine_chunks(), pa.ipc.IpcWriteOptions()
    match int(rng.integers(10)):
        case 0:
            table = table.drop_columns([name])
        case 1:
            table = table.slice(0, int(rng.integers(table.num_rows)))
        case 2:
            table = pa.concat_tables([table, table])
        case 3:
            options = pa.ipc.IpcWriteOptions(compression="zstd")
        case 4:
            table = table.append_column(f"attribute.{name}", other_column(column, rng))
        case _:
            table = table.set_column(place, name, other_column(column, rng))
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


TYPES = ("int64", "int32", "float64", "float32", "large_string", "string", "bool", "binary", "null")


def other_column(column: pa.Array, rng: Rng) -> pa.Array:
    """A column with other values, or of another type."""
    n_rows, values = len(column), column.to_pylist()
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        if rng.random() < 0.7:
            dtype = np.dtype(column.type.to_pandas_dtype())
            numbers = np.array([0 if one is None else one for one in values], dtype)
            found = changed(numbers, rng)
            return pa.array(np.resize(found, n_rows) if len(found) else np.zeros(n_rows, dtype))
    elif rng.random() < 0.5 and column.type in {pa.large_string(), pa.string()}:
        for row in rng.integers(n_rows, size=rng.integers(1, 4)):
            values[row] = TEXTS[rng.integers(len(TEXTS))]
        return pa.array(values, column.type)
    kind = pa.type_for_alias(TYPES[rng.integers(len(TYPES))])
    drawn = [None, 1, 0, -5, 3]
    if kind in {pa.string(), pa.large_string(), pa.binary()}:
        drawn = [None, *TEXTS]  # type: ignore[list-item]
    elif kind == pa.bool_():
        drawn = [None, True, False]
    elif kind == pa.null():
        drawn = [None]
    elif kind == pa.float64():
        drawn += [1.7e308, -1.7e308, np.nan, np.inf, 0.1]  # type: ignore[list-item]
    elif kind == pa.int64():
        drawn += [2**63 - 1, -(2**63), 2**53 + 1]
    begin = int(rng.random() < 0.5)  # with nulls or without
    if kind == pa.null():
        begin = 0
    return pa.array([drawn[rng.integers(begin, len(drawn))] for _ in range(n_rows)], kind)


def other_index(vectors: np.ndarray[Any, Any], rng: Rng) -> tuple[bytes, dict[str, Any]]:
    """A damaged index of any of several types, and what the manifest says of it."""
    kind = list(INDEX_KINDS)[rng.integers(len(INDEX_KINDS))]
    content = sound_index(vectors.tobytes(), vectors.shape[1], kind)
    if rng.random() < 0.95:
        content = [flipped, overwritten, overwritten, resized][rng.integers(4)](content, rng)
    said = {"type": kind, **INDEX_KINDS[kind]}
    return content, said


@functools.lru_cache(maxsize=64)
def sound_index(vectors: bytes, dim: int, kind: str) -> bytes:
    """An index of this type over float32 rows."""
    rows = np.frombuffer(vectors, np.float32).reshape(-1, dim)
    index = faiss.index_factory(dim, kind, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        index.train(rows)
    if kind.startswith("IDMap"):
        index.add_with_ids(rows, np.arange(len(rows)))
    else:
        index.add(rows)
    return bytes(faiss.serialize_index(index))


def other_manifest(manifest: dict[str, Any], rng: Rng) -> None:
    """Change one value somewhere in a manifest, checksums apart; or remove it."""
    place: Any = manifest
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        keys = [key for key in keys if place is not manifest or key != "files"]
        key = keys[rng.integers(len(keys))]
        inner = place[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.85:
            place = inner
            continue
        if rng.random() < 0.1:
            del place[key]
        elif type(inner) in {int, float} and rng.random() < 0.5:
            place[key] = inner * [-1, 0, 2, 10][rng.integers(4)] + int(rng.integers(-1, 2))
        else:
            place[key] = json.loads(json.dumps(JSON[rng.integers(len(JSON))]))
        return
