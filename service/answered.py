"""Answers as the store of events remembers them."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from wsgiref.types import WSGIEnvironment

from service.recorder import Recorder
from service.wsgi.exchange import Exchange, session_of
from shortlist.engine.answer import Answer
from shortlist.engine.query import (
    Asked,
    PopularQuery,
    RecommendQuery,
    SearchQuery,
    SimilarQuery,
    UserQuery,
)
from shortlist.engine.trial import Entry
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.person import Pseudonyms

NOBODY = "-"
"""The letter of a place that speaks for neither side of an experiment."""

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
    is_drafted = answer.experiment is not None and answer.variant is None
    return LoggedQuery(
        query_id=answer.query_id,
        at=datetime.now(UTC),
        kind=_KINDS[type(query)],
        text=_text(query) if texts else None,
        request=query.model_dump_json(exclude_defaults=True, exclude={"user"}) if texts else None,
        version=answer.index_version,
        profile=answer.profile,
        experiment=answer.experiment,
        variant=answer.variant,
        teams="".join(one.team or NOBODY for one in answer.results) if is_drafted else None,
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


def remember(
    recorder: Recorder,
    environ: WSGIEnvironment,
    exchange: Exchange,
    *,
    pseudonyms: Pseudonyms,
    texts: bool,
) -> None:
    """Keep what was answered, and a search of an experiment that was not."""
    session, entry = session_of(environ), exchange.entry
    for query, answer in exchange.answered:
        recorder.note(logged(query, answer, session=session, texts=texts, pseudonyms=pseudonyms))
    is_first = entry is not None and entry.query.cursor is None
    if entry is not None and is_first and exchange.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        took_ms = 1e3 * exchange.took_s
        gone = failed(entry, query_id=exchange.request_id, took_ms=took_ms, session=session)
        recorder.note(gone)


def failed(entry: Entry, *, query_id: str, took_ms: float, session: str | None) -> LoggedQuery:
    """A search that was not answered, by which an experiment's guards see that searches fail."""
    trial = entry.trial
    return LoggedQuery(
        query_id=query_id,
        at=datetime.now(UTC),
        kind=QueryKind.FAILED,
        version=entry.version,
        profile=entry.control,
        experiment=None if trial is None else trial.experiment.name,
        variant=None if trial is None else trial.variant,
        session=session,
        k=0,
        offset=0,
        n_results=0,
        matched=0,
        took_ms=took_ms,
        shown=(),
    )


def _text(query: Asked) -> str | None:
    match query:
        case SearchQuery(q=text) | RecommendQuery(text=text) | UserQuery(text=text):
            return text or None
    return None
