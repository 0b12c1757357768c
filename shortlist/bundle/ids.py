"""What an item's id may be, where ids are integers and where they are texts."""

from __future__ import annotations

import re

from shortlist.bundle.tables import CANONICAL_INTEGER

MAX_ID_LENGTH = 256

HALF_A_PAIR = "expected text, found half of a pair of surrogates"

_INTEGER = re.compile(CANONICAL_INTEGER)


def id_problem(item_id: object, *, integers: bool) -> str | None:
    """What is wrong with an id, None for one that an item of such a catalogue can have."""
    if integers:
        written = str(item_id) if isinstance(item_id, int | str) else ""
        if isinstance(item_id, bool) or not _INTEGER.fullmatch(written):
            return f"expected an integer, found {shown(item_id)}"
        return None if -(2**63) <= int(written) < 2**63 else "expected 64 bits"
    if isinstance(item_id, bool) or not isinstance(item_id, str | int):
        return f"expected a text, found {shown(item_id)}"
    length = len(str(item_id))
    if not is_text(str(item_id)):
        return HALF_A_PAIR
    if not str(item_id).strip() or length > MAX_ID_LENGTH:
        return f"expected 1 to {MAX_ID_LENGTH} characters, found {length}"
    return None


def is_text(text: str) -> bool:
    """Whether a text of Python is one of Unicode, without halves of surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """A value in a message, in ASCII, cut if it is long."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
