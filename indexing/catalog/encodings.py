"""Encodings of text: which names are known, and which one a file is likely to have."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import IO

from indexing.catalog.unfolding import chunks
from shortlist.errors import CatalogError

UTF8 = "utf-8"

_MARKS = {
    codecs.BOM_UTF8: UTF8,
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""What a file begins with that says its encoding; a mark stands before what it begins with."""

_AROUND = 2000
"""So many bytes on either side of one that does not fit are looked at."""

_HIGH = bytes(range(128, 256))


def encoding_name(wanted: str) -> str:
    """The encoding's usual name. Raises ValueError for one that is unknown or none of text."""
    try:
        "".encode(wanted)
        return codecs.lookup(wanted).name
    except (LookupError, ValueError) as error:
        raise ValueError(
            "not the name of an encoding; utf-8, cp1252, iso-8859-15 and utf-16 are some"
        ) from error


def require_encoding(path: Path, stream: IO[bytes], encoding: str) -> None:
    """Raise CatalogError with the byte's offset if the content is not of the encoding."""
    decoder, begin, before = codecs.getincrementaldecoder(encoding)(), 0, b""
    for chunk in chunks(stream):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            place = begin - pending + error.start
            found = error.object[error.start : error.start + 1].hex()
            likely = likely_encoding(before + chunk, max(0, len(before) + place - begin), encoding)
            raise CatalogError(
                f"{path}: not {encoding.upper()} at byte {place} (0x{found}); {_advice(likely)}"
            ) from error
        except UnicodeError as error:  # a mark that the encoding needs is missing
            advice = _advice(likely_encoding(before + chunk, 0, encoding))
            raise CatalogError(f"{path}: not {encoding.upper()}; {advice}") from error
        begin, before = begin + len(chunk), (before + chunk)[-_AROUND:]


def likely_encoding(content: bytes, place: int, refused: str = UTF8) -> str | None:
    """What text with a byte at `place` that another encoding refused is likely written in.

    A byte order mark or every other byte zero tells UTF-16, UTF-8 is what decodes as such, and a
    few letters beyond ASCII among many of it are most often those of Western Windows. Other text
    says too little of itself: None.
    """
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return name if name != refused else None
    around = content[max(0, place - _AROUND) : place + _AROUND]
    if around.count(0) * 3 > len(around):
        return "utf-16-le" if around[1::2].count(0) > around[::2].count(0) else "utf-16-be"
    rare = 3 * (len(around) - len(around.translate(None, _HIGH))) < len(around)
    guesses = [UTF8, *(["cp1252"] if rare else [])]
    return next((one for one in guesses if one != refused and _decodes(around, one)), None)


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return False
    return True


def _advice(likely: str | None) -> str:
    if likely is None:
        return "say its encoding in catalog.toml, or convert the file to UTF-8"
    return f'it looks like {likely}: say encoding = "{likely}" in catalog.toml if it is'
