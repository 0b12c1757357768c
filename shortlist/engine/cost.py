"""What answering a query costs, in tokens: estimated from what it asks for, before it is begun."""

from __future__ import annotations

from shortlist.engine.query import DEFAULT_K, Query, RecommendQuery, SearchQuery, UserQuery

_LONGEST_TEXT = 256
_RESULT = 0.5
_EXPLAINED_RESULT = 1.0
"""A result takes about half as long to write down as a token to encode; an explained one as long,
and 450 bytes of the answer."""


def cost_of(query: Query) -> float:
    """About how many tokens encoding its text and writing its results down are worth.

    A text counts as a token for every two characters: English has one for four, some scripts one
    for each.
    """
    n_results = DEFAULT_K if query.k is None else query.k
    of_results = n_results * (_EXPLAINED_RESULT if query.explain else _RESULT)
    return _of_text(query) + of_results


def _of_text(query: Query) -> int:
    match query:
        case SearchQuery(q=text) | RecommendQuery(text=text) | UserQuery(text=text) if (
            text and query.cursor is None
        ):
            return min(_LONGEST_TEXT, 2 + len(text) // 2)
    return 0
