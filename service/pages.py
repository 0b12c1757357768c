"""The HTML pages: search and comparison, made live by scripts, the search form without them too."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from service.live import SnapshotHolder
from service.problems import status_of
from service.schemas.parameters import PageParameters, parse_parameters
from service.wsgi.exchange import exchange_of
from shortlist import engine
from shortlist.engine import PopularQuery, SearchAnswer
from shortlist.engine.clock import StageClock
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import QueryError


def pages_blueprint(holder: SnapshotHolder, *, shows_results: bool) -> Blueprint:
    """The pages over the holder's snapshot.

    Without `shows_results` the answer is left to the page's scripts, which ask for the API key.
    """
    pages = Blueprint(
        "pages",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )

    @pages.get("/")
    def search_page() -> tuple[str, int]:
        text = request.args.get("q", "")
        answer, problem, status = _answer(holder) if shows_results else (None, None, 200)
        snapshot = holder.peek()
        page = render_template(
            "search.html",
            q=text,
            like=request.args.get("like"),
            answer=answer,
            problem=problem,
            snapshot=snapshot,
        )
        return page, status

    @pages.get("/compare")
    def compare_page() -> str:
        return render_template("compare.html", q=request.args.get("q", ""))

    @pages.get("/docs")
    def docs_page() -> str:
        from service.openapi import OPERATIONS  # takes time to load, and few ask for it

        return render_template("docs.html", operations=OPERATIONS)

    return pages


def _answer(holder: SnapshotHolder) -> tuple[SearchAnswer | None, str | None, int]:
    """The answer to show, or what to say instead, and the page's status."""
    try:
        snapshot = holder.get()
        wanted = parse_parameters(PageParameters, request.query_string)
        exchange = exchange_of(request.environ)
        answer = _asked(snapshot, wanted, exchange.clock)
        if answer is None:
            return None, None, 200
        exchange.answered(
            version=answer.index_version,
            n_results=len(answer.results),
            no_good_match=bool(answer.no_good_match),
        )
        return answer, None, 200
    except QueryError as error:
        return None, str(error), status_of(error)


def _asked(snapshot: Snapshot, wanted: PageParameters, clock: StageClock) -> SearchAnswer | None:
    """Items like one, a search, or what is popular; None where there is nothing to ask.

    A taste is kept in the browser: its list is left to the scripts.
    """
    if wanted.taste:
        return None
    if wanted.like is not None:
        return engine.similar(snapshot, wanted.to_query(wanted.like), clock=clock)
    query = wanted.to_search()
    if query.text.strip():
        return engine.search(snapshot, query, clock=clock)
    if snapshot.bundle.items.popularity is None:
        return None
    popular = PopularQuery(filter=query.filter, diversity=query.diversity)
    return engine.popular(snapshot, popular, clock=clock)
