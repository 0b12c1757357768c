"""The one normal form of text, for documents and queries alike."""

from __future__ import annotations

import unicodedata


def normalise_text(text: str) -> str:
    """The text in Unicode normal form C, so that composed and combining accents are one."""
    return unicodedata.normalize("NFC", text)
