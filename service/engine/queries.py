"""What can be asked, and the limits of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from indexing.errors import InvalidParameter

MAX_CANDIDATES = 1000
MAX_QUERY_CHARACTERS = 1000
DEFAULT_K = 10


@dataclass(frozen=True)
class SearchQuery:
    """One search. None means what the profile says, for `k` 10 or its depth if that is less.

    `weights` replace those of the profile's features.
    """

    text: str
    k: int | None = None
    n_candidates: int | None = None
    n_popular: int | None = None
    profile: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)


def check_text(text: str) -> None:
    """Raises InvalidParameter for a blank or overlong text."""
    if not text.strip():
        raise InvalidParameter("q", "expected a text, found none or only blanks")
    if len(text) > MAX_QUERY_CHARACTERS:
        raise InvalidParameter(
            "q", f"expected at most {MAX_QUERY_CHARACTERS} characters, found {len(text)}"
        )
