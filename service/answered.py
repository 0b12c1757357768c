"""Answers as the store of events remembers them."""

from __future__ import annotations

from datetime import UTC, datetime

from shortlist.engine.answer import Answer
from shortlist.engine.query import (
    Asked,
    PopularQuery,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
    UserQuery,
)
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.person import Pseudonyms

_KINDS = {
    SearchQuery: QueryKind.SEARCH,
    SimilarQuery: QueryKind.SIMILAR,
    RecommendQuery: QueryKind.RECOMMEND,
    PopularQuery: QueryKind.POPULAR,
    UserQuery: QueryKind.RECOMMEND,
}


def logged(
    query: Asked, answer: Answer, *, session: str | None, texts: bool, pseudonyms: Pseudonyms
) -> LoggedQuery:
    """An answer to remember, given now; without `texts` nobody can tell what was asked.

    Who asked is remembered by the user key alone.
    """
    user = getattr(query, "user", None)
    shown = [str(one.item_id) for one in answer.results]
    return LoggedQuery(
        query_id=answer.query_id,
        at=datetime.now(UTC),
        kind=_KINDS[type(query)],
        text=_text(query) if texts else None,
        request=query.model_dump_json(exclude_defaults=True, exclude={"user"}) if texts else None,
        version=answer.index_version,
        profile=answer.profile,
        session=session,
        user=None if user is None else pseudonyms.of(user),
        k=answer.k,
        offset=answer.results[0].rank - 1 if answer.results else 0,
        n_results=len(shown),
        matched=answer.matched,
        no_good_match=answer.no_good_match,
        took_ms=answer.took_ms,
        shown=tuple(shown),
    )


def _text(query: Asked) -> str | None:
    match query:
        case SearchQuery(q=text) | RecommendQuery(text=text) | UserQuery(text=text):
            return text or None
    return None
