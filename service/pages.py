"""The HTML page: a search form and its answer, without a script."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from indexing.errors import QueryError
from service import engine
from service.engine import SearchAnswer, SearchQuery
from service.exchange import exchange_of
from service.problems import status_of
from service.snapshot import SnapshotHolder


def pages_blueprint(holder: SnapshotHolder) -> Blueprint:
    """The search page over the holder's snapshot."""
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
        answer, problem, status = _answer(holder, text)
        snapshot = holder.peek()
        page = render_template(
            "search.html", q=text, answer=answer, problem=problem, snapshot=snapshot
        )
        return page, status

    @pages.get("/docs")
    def docs_page() -> str:
        from service.openapi import OPERATIONS  # takes time to load, and few ask for it

        return render_template("docs.html", operations=OPERATIONS)

    return pages


def _answer(holder: SnapshotHolder, text: str) -> tuple[SearchAnswer | None, str | None, int]:
    """The answer to show, or what to say instead, and the page's status."""
    try:
        snapshot = holder.get()
        if not text.strip():
            return None, None, 200
        exchange = exchange_of(request.environ)
        answer = engine.search(snapshot, SearchQuery(text), clock=exchange.clock)
        exchange.answered(
            version=answer.index_version,
            n_results=len(answer.results),
            no_good_match=bool(answer.no_good_match),
        )
        return answer, None, 200
    except QueryError as error:
        return None, str(error), status_of(error)
