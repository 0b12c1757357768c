"""What can be asked, and the limits of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shortlist.bundle.tables import ItemId
from shortlist.engine.filters import Filter
from shortlist.errors import InvalidParameter

MAX_CANDIDATES = 1000
MAX_QUERY_CHARACTERS = 1000
MAX_BATCH = 256
MAX_LIKED = 1000
DEFAULT_K = 10


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to choose and order, whatever is asked for. None means what the profile says.

    `k` is 10, or the depth if that is less, unless given. `weights` replace those of the
    profile's features. `diversity` in [0, 1] trades score for variety. Results below
    `min_score` are left out. `cursor` is the `next` of the answer before. `facets` names
    `categories` and numeric attributes to count over all matches.
    """

    k: int | None = None
    n_candidates: int | None = None
    n_popular: int | None = None
    n_neighbours: int | None = None
    profile: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    filter: Filter = Filter()
    diversity: float = 0.0
    min_score: float | None = None
    explain: bool = False
    facets: tuple[str, ...] = ()
    cursor: str | None = None


@dataclass(frozen=True)
class SearchQuery(Options):
    """A text; blank together with a filter, it browses by popularity."""

    text: str


@dataclass(frozen=True)
class SimilarQuery(Options):
    """Items like this one."""

    item_id: ItemId


@dataclass(frozen=True)
class RecommendQuery(Options):
    """Items for a taste: liked and disliked ones, and a text if there is one.

    `ratings` of liked items, by their id as given, are on the catalogue's scale.
    """

    liked: tuple[ItemId, ...] = ()
    disliked: tuple[ItemId, ...] = ()
    text: str = ""
    ratings: Mapping[ItemId, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PopularQuery(Options):
    """Items by popularity."""


def check_text(text: str) -> None:
    """Raises InvalidParameter for a blank or overlong text."""
    if not text.strip():
        raise InvalidParameter("q", "expected a text, found none or only blanks")
    check_length(text)


def check_length(text: str) -> None:
    """Raises InvalidParameter for an overlong text."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise InvalidParameter(
            "q", f"expected at most {MAX_QUERY_CHARACTERS} characters, found {len(text)}"
        )
