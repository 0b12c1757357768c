"""Values of Arrow as a table has them: numbers, text, and lists of text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute

from indexing.catalog.limits import Limits
from indexing.catalog.quoting import quoted, shortened
from indexing.catalog.unfolding import too_large
from shortlist.errors import CatalogError

TEXTS = pa.large_list(pa.large_string())
"""The type of a column of lists."""

_TEXT = (pa.string(), pa.large_string(), pa.string_view())
_BYTES = (pa.binary(), pa.large_binary(), pa.binary_view())
_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_UTC, _NOTHING = pa.scalar("Z", pa.large_string()), pa.scalar("", pa.large_string())
_HEX = np.frombuffer(bytes(range(256)).hex().encode(), np.uint8).reshape(256, 2)
_AS_THEY_ARE = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_null,
)


def is_list(kind: pa.DataType) -> bool:
    """Whether values of the type are lists."""
    return any(fits(kind) for fits in _LISTS)


def is_text(kind: pa.DataType) -> bool:
    """Whether values of the type are text, or bytes that are taken for it."""
    return kind in (*_TEXT, *_BYTES)


def joined(lists: pa.Array, separator: str = ", ") -> pa.Array:
    """Each list of text as one text."""
    return pa.compute.binary_join(lists, pa.scalar(separator, pa.large_string()))


def require_readable(where: object, column: str, kind: pa.DataType) -> None:
    """Raise CatalogError for a type that a table cannot have."""
    inner = kind.value_type if is_list(kind) else kind
    opaque = isinstance(inner, pa.OpaqueType) and inner.storage_type not in _TEXT
    if opaque or pa.types.is_nested(inner):
        advice = "cast it to text in the query" if opaque else "name one value in it (a.b)"
        raise CatalogError(
            f"{where}: column {quoted(column)} has type {shortened(str(kind))}, expected text,"
            f" numbers or lists of them; {advice}"
        )


def plain(where: object, column: pa.Array, left: int, limits: Limits) -> pa.Array:
    """The column with every value written out: numbers, UTF-8 text, or lists of it without nulls.

    Times come in ISO 8601, those with a time of day in UTC. Raises CatalogError when text would
    unfold to more than `left` bytes, pa.ArrowInvalid for bytes that are not UTF-8.
    """
    kind = column.type
    if is_list(kind):
        return _plain_lists(where, column, left, limits)
    if isinstance(kind, pa.BaseExtensionType):
        return _plain_extension(where, column, left, limits)
    if pa.types.is_dictionary(kind):
        return _plain_words(where, column, left, limits)
    return _plain_values(column)


def _plain_values(column: pa.Array) -> pa.Array:
    kind = column.type
    if is_text(kind) or pa.types.is_fixed_size_binary(kind):
        return _utf8(column.cast(pa.large_binary()))
    if pa.types.is_timestamp(kind):
        return _iso(column)
    if any(kept(kind) for kept in _AS_THEY_ARE):
        return column
    return column.cast(pa.large_string())


def _plain_words(where: object, column: pa.Array, left: int, limits: Limits) -> pa.Array:
    coded = column.indices.dictionary_encode()
    words, places = column.dictionary.take(coded.dictionary), coded.indices
    if (pa.compute.sum(pa.compute.binary_length(words).take(places)).as_py() or 0) > left:
        raise too_large(where, limits)
    return _utf8(words).take(places)


def _plain_lists(where: object, column: pa.Array, left: int, limits: Limits) -> pa.Array:
    words = plain(where, column.flatten(), left, limits).cast(pa.large_string())
    parents = pa.compute.list_parent_indices(column).filter(words.is_valid())
    lengths = np.bincount(parents.to_numpy(), minlength=len(column))
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    return pa.LargeListArray.from_arrays(
        offsets, words.drop_null(), type=TEXTS, mask=column.is_null()
    )


def _plain_extension(where: object, column: pa.Array, left: int, limits: Limits) -> pa.Array:
    if isinstance(column.type, pa.UuidType):
        return _uuids(column.storage)
    return plain(where, column.storage, left, limits)


def _uuids(column: pa.Array) -> pa.Array:
    """UUIDs of 16 bytes as they are written: 2ff3552a-83f6-4eed-93fb-e5397e3430b0."""
    n, begin = len(column), column.offset
    held = np.frombuffer(column.buffers()[1], np.uint8).reshape(-1, 16)[begin : begin + n]
    written = np.insert(_HEX[held].reshape(-1, 32), (8, 12, 16, 20), ord("-"), axis=1)
    fixed = pa.Array.from_buffers(pa.binary(36), n, [None, pa.py_buffer(written.tobytes())])
    texts = fixed.cast(pa.large_binary()).cast(pa.large_string())
    return pa.compute.if_else(column.is_valid(), texts, None)


def _iso(column: pa.Array) -> pa.Array:
    """2024-05-01T10:30:00Z, or with as many digits of a second as are needed."""
    text = column.cast(pa.timestamp(column.type.unit)).cast(pa.large_string())
    text = pa.compute.replace_substring(text, " ", "T")
    text = pa.compute.replace_substring_regex(text, r"\.0+$|(\.\d*?)0+$", r"\1")
    return pa.compute.binary_join_element_wise(text, _UTC, _NOTHING)


def _utf8(column: pa.Array) -> pa.Array:
    """The text, checked: Arrow reads a Parquet text as it is stored."""
    return column.cast(pa.large_binary()).cast(pa.large_string())
