"""The HTML pages: search and comparison, made live by scripts, the search form without them too."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from service.api import note_answer
from service.live import SnapshotHolder
from service.openapi import OPERATIONS
from service.problems import problem_of
from service.requests import read_parameters, spelled, spellings
from service.wsgi.exchange import exchange_of
from shortlist.engine.answer import Answer
from shortlist.engine.features import Source, features_from
from shortlist.engine.query import PopularQuery, SearchQuery, SimilarQuery
from shortlist.engine.search import Asked, ask
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import InvalidParameter, QueryError


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
        shown = {"answer": answer, "problem": problem, "snapshot": holder.peek()}
        like = request.args.get("like")
        return render_template("search.html", q=text, like=like, **shown), status

    @pages.get("/compare")
    def compare_page() -> str:
        return render_template("compare.html", q=request.args.get("q", ""))

    @pages.get("/docs")
    def docs_page() -> str:
        return render_template("docs.html", operations=OPERATIONS, spellings=spellings)

    return pages


def _answer(holder: SnapshotHolder) -> tuple[Answer | None, str | None, int]:
    """The answer to show, or what to say instead, and the page's status."""
    try:
        snapshot = holder.get()
        query = _query(snapshot)
        if query is None:
            return None, None, 200
        exchange = exchange_of(request.environ)
        answer = ask(snapshot, query, clock=exchange.clock)
        note_answer(exchange, answer)
        return answer, None, 200
    except QueryError as error:
        shown = spelled(error) if isinstance(error, InvalidParameter) else error
        return None, str(shown), problem_of(error)[0]


def _query(snapshot: Snapshot) -> Asked | None:
    """Items like one, a search, or what is popular; None where there is nothing to ask.

    What a query does not take is passed over: the address also has what belongs to the page, and
    what another of its lists takes. A taste is kept in the browser: that list is the scripts'.
    """
    address = request.query_string
    if request.args.get("taste") == "true":
        return None
    if like := request.args.get("like"):
        return read_parameters(SimilarQuery, address, lenient=True, item_id=like)
    if request.args.get("q", "").strip():
        query = read_parameters(SearchQuery, address, lenient=True)
        of_taste = features_from(Source.LIKES)
        weights = {name: weight for name, weight in query.weights.items() if name not in of_taste}
        return query.model_copy(update={"weights": weights, "reads": "apply"})
    if snapshot.bundle.items.popularity is None:
        return None
    return read_parameters(PopularQuery, address, lenient=True)
