"""The cursor: where a list was left, and all that is needed to go on with the same list."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from shortlist.bundle.arrays import Vectors
from shortlist.bundle.manifest import is_version_name
from shortlist.engine.query import Query
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import CursorExpired, InvalidParameter

MAX_CURSOR_CHARACTERS = 16_384

_DIGEST_BYTES = 16
_CURSOR = frozenset({"cursor"})
_LONGEST_TRIAL = 64


@dataclass(frozen=True)
class Cursor:
    """A place in a list: the version and the query it belongs to, and the query's vector.

    `vector` is float32 [dim], empty for a list that needs none. `offset` results were given, the
    last of them `row`. `trial` says how the list takes part in an experiment, "" where it does not.
    """

    version: str
    fingerprint: bytes
    offset: int
    row: int
    vector: Vectors
    trial: str = ""


def fingerprint(query: Query, *, but: AbstractSet[str] = _CURSOR) -> bytes:
    """16 bytes that stand for all parameters of a query but the cursor itself, or but these."""
    plain = [type(query).__name__, query.model_dump(exclude=set(but))]
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).digest()[:_DIGEST_BYTES]


def encode_cursor(cursor: Cursor) -> str:
    """The cursor as text for a URL."""
    head = [cursor.version, cursor.fingerprint.hex(), cursor.offset, cursor.row]
    head += [cursor.trial] if cursor.trial else []
    packed = cursor.vector.astype("<f4").tobytes()
    content = json.dumps(head).encode() + b"\0" + packed
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def next_cursor(
    version: str, query: Query, offset: int, row: int, vector: Vectors | None, *, trial: str = ""
) -> str:
    """The cursor with which a list goes on behind `offset` results, the last of them `row`."""
    known = np.empty(0, np.float32) if vector is None else vector
    return encode_cursor(Cursor(version, fingerprint(query), offset, row, known, trial))


def read_cursor(snapshot: Snapshot, query: Query) -> Cursor | None:
    """The cursor that a query comes with, None without one.

    Raises CursorExpired for another version's, InvalidParameter for another query's and for what
    `encode_cursor` never made.
    """
    if query.cursor is None:
        return None
    cursor, version = decode_cursor(query.cursor), snapshot.version
    if cursor.version != version:
        raise CursorExpired(
            f"the list was made by version {cursor.version}, version {version} answers now; ask"
            " again without a cursor",
            wanted=cursor.version,
            live=version,
        )
    if cursor.fingerprint != fingerprint(query):
        raise InvalidParameter(
            "cursor", "belongs to a query with other parameters; repeat them all, or leave it out"
        )
    if len(cursor.vector) not in {0, snapshot.bundle.manifest.embedding_dim}:
        raise InvalidParameter("cursor", "expected the `next` of an answer")
    return cursor


def decode_cursor(text: str) -> Cursor:
    """The cursor in a text. Raises InvalidParameter for what `encode_cursor` never made."""
    if len(text) > MAX_CURSOR_CHARACTERS:
        raise InvalidParameter("cursor", f"expected at most {MAX_CURSOR_CHARACTERS} characters")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        head, _, packed = content.partition(b"\0")
        version, digest, offset, row, *trial = json.loads(head)
        vector = np.frombuffer(packed, "<f4").copy()
        cursor = Cursor(version, bytes.fromhex(digest), offset, row, vector, *trial)
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise InvalidParameter("cursor", "expected the `next` of an answer") from error
    if not _makes_sense(cursor):
        raise InvalidParameter("cursor", "expected the `next` of an answer")
    return cursor


def _makes_sense(cursor: Cursor) -> bool:
    numbers = (cursor.offset, cursor.row)
    return (
        isinstance(cursor.version, str)
        and is_version_name(cursor.version)
        and isinstance(cursor.trial, str)
        and len(cursor.trial) <= _LONGEST_TRIAL
        and all(type(number) is int and 0 <= number < 2**40 for number in numbers)
        and bool(np.isfinite(cursor.vector).all())
        and bool(np.all(np.abs(cursor.vector) <= 1.0001))
    )
