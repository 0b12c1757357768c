"""The messages that an Arrow file is made of, looked at before Arrow reads any of them.

A file is a stream of messages between a mark and a footer. Read as a stream, nothing but these
messages counts, and each can be looked at here first. Source: the Arrow columnar format, "IPC
File Format" and Message.fbs; flatbuffers' binary format.
"""

from __future__ import annotations

import struct

import pyarrow as pa
import pyarrow.ipc

MARK = b"ARROW1\0\0"

_HEADER, _COMPRESSION, _DICTIONARY_DATA = 2, 3, 1  # numbers of fields in Message.fbs


def stream_of(file: pa.Buffer) -> pa.Buffer:
    """The stream inside a file, not copied. Raises ArrowInvalid where there is none."""
    if file.slice(0, len(MARK)).to_pybytes() != MARK:
        raise pa.ArrowInvalid("it does not begin as one")
    return file.slice(len(MARK))


def is_compressed(stream: pa.Buffer) -> bool:
    """Whether any message of a stream would have to be unpacked into memory, of whatever size.

    Raises ArrowException or OSError for what is no stream.
    """
    return any(_packs(one) for one in pa.ipc.MessageReader.open_stream(stream))


def _packs(message: pa.ipc.Message) -> bool:
    if message.type not in {"record batch", "dictionary"}:
        return False
    # Arrow has verified that every offset in here stays inside.
    metadata = message.metadata.to_pybytes()
    (root,) = struct.unpack_from("<I", metadata)
    batch = _table(metadata, root, _HEADER)
    if message.type == "dictionary":
        batch = _table(metadata, batch, _DICTIONARY_DATA)
    return _field(metadata, batch, _COMPRESSION) != 0


def _table(metadata: bytes, table: int, number: int) -> int:
    """Where the table that a field of a table refers to stands."""
    place = _field(metadata, table, number)
    (ahead,) = struct.unpack_from("<I", metadata, place)
    return place + int(ahead)


def _field(metadata: bytes, table: int, number: int) -> int:
    """Where a field of a table stands, 0 when the table has none."""
    (back,) = struct.unpack_from("<i", metadata, table)
    (size,) = struct.unpack_from("<H", metadata, table - back)
    slot = 4 + 2 * number
    if slot >= size:
        return 0
    (ahead,) = struct.unpack_from("<H", metadata, table - back + slot)
    return table + int(ahead) if ahead else 0
